import type { Case, Conflict, Disagreement } from "./disagreement.ts";
import { known } from "./known.ts";
import type { Program, Question, Verdict } from "./program.ts";
import { Runs } from "./runs.ts";

export interface Judgement {
  /** Disagreements that the list of known ones does not explain. */
  readonly unexplained: readonly Disagreement[];
  /** How often each entry of that list applied. */
  readonly uses: ReadonlyMap<string, number>;
  /** The number of questions by combination of verdicts. */
  readonly counts: Readonly<Record<"accepted" | "refused" | "ranAccepted" | "ranRefused", number>>;
}

/** Compares the verdicts of the compiler with those of the library and of a run. */
export function judge(program: Program, compiler: ReadonlyMap<Question, Verdict>, runs = new Runs()): Judgement {
  const unexplained: Disagreement[] = [];
  const uses = new Map(known.map(({ name }) => [name, 0]));
  const counts = { accepted: 0, refused: 0, ranAccepted: 0, ranRefused: 0 };
  for (const question of program.questions.values()) {
    const one = caseOf(question, compiler.get(question) ?? true, runs);
    if (one.library === undefined) continue;
    counts[one.library === true ? "accepted" : "refused"]++;
    if (one.run === "takes all") counts.ranAccepted++;
    if (one.run === "refuses some") counts.ranRefused++;
    for (const conflict of conflictsOf(one)) {
      const found = { ...one, conflict };
      const entry = known.find(({ conflicts, explains }) => conflicts.includes(conflict) && explains(found));
      if (entry === undefined) unexplained.push(found);
      else uses.set(entry.name, (uses.get(entry.name) ?? 0) + 1);
    }
  }
  return { unexplained, uses, counts };
}

function caseOf(question: Question, compiler: Verdict, runs: Runs): Case {
  if (question.kind !== "edge") {
    return { question, compiler, library: runs.definition(question.kind, question.of), run: "not tried" };
  }
  const { from, to } = question;
  return { question, compiler, library: runs.edge(from, to), run: runs.run(from, to) };
}

function* conflictsOf({ compiler, library, run }: Case): Generator<Conflict> {
  if (compiler !== true && library === true) yield "only the compiler refuses";
  if (compiler === true && library !== true) yield "only the library refuses";
  if (library === true && run === "refuses some") yield "the run refuses a value";
  if (library !== true && run === "takes all") yield "the run takes every value";
}
