import type { Question, Verdict } from "./program.ts";

/** What each of the three says about a question of the program. */
export interface Case {
  readonly question: Question;
  readonly compiler: Verdict;
  /** Of `defineHandler` or `compile()`; `undefined` if the edge has a handler that cannot be defined. */
  readonly library: Verdict | undefined;
  readonly run: Run;
}

/** What the input of an edge does with values that its output stores. */
export type Run = "takes all" | "refuses some" | "not tried";

/** The ways in which two of the three may disagree. */
export type Conflict =
  | "only the compiler refuses"
  | "only the library refuses"
  | "the run refuses a value"
  | "the run takes every value";

export interface Disagreement extends Case {
  readonly conflict: Conflict;
}

/** For people: the schemas, and what each says about them. */
export function describe({ question, conflict, compiler, library }: Disagreement): string {
  const schemas =
    question.kind === "edge"
      ? [`  from ${question.from.source}`, `  to   ${question.to.source}`]
      : [`  ${question.kind} ${question.of.source}`];
  const said = [compiler, library].map((verdict) => (verdict === true ? "accepts" : shortened(String(verdict))));
  return [conflict, ...schemas, `  compiler: ${said[0]}`, `  library:  ${said[1]}`].join("\n");
}

/** The sentence in a message of the compiler, which else repeats whole types. */
function shortened(text: string): string {
  const [sentence] = /(edge 'a' -> 'b'|handler '[pc]'): .*?(?=["`]>'|$)/s.exec(text) ?? [];
  return (sentence ?? text).replaceAll("\n", " ").slice(0, 300);
}
