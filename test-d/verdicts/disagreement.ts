import type { Question, Verdict } from "./program.ts";

/** The verdicts of the compiler, the library and a run on one question. */
export interface Case {
  readonly question: Question;
  readonly compiler: Verdict;
  /** The verdict of `defineHandler` or `compile()`; `undefined` if the edge has a handler that cannot be defined. */
  readonly library: Verdict | undefined;
  readonly run: Run;
}

/** Whether the input of an edge accepts values that its output stores. */
export type Run = "takes all" | "refuses some" | "not tried";

/** The ways in which two verdicts can disagree. */
export type Conflict =
  | "only the compiler refuses"
  | "only the library refuses"
  | "the run refuses a value"
  | "the run takes every value";

export interface Disagreement extends Case {
  readonly conflict: Conflict;
}

/** As text: the schemas, and the verdicts on them. */
export function describe({ question, conflict, compiler, library }: Disagreement): string {
  const schemas =
    question.kind === "edge"
      ? [`  from ${question.from.source}`, `  to   ${question.to.source}`]
      : [`  ${question.kind} ${question.of.source}`];
  const said = [compiler, library].map((verdict) => (verdict === true ? "accepts" : shortened(String(verdict))));
  return [conflict, ...schemas, `  compiler: ${said[0]}`, `  library:  ${said[1]}`].join("\n");
}

/** The sentence in a message of the compiler, without the types that it repeats. */
function shortened(text: string): string {
  const [sentence] = /(edge 'a' -> 'b'|handler '[pc]'): .*?(?=["`]>'|$)/s.exec(text) ?? [];
  return (sentence ?? text).replaceAll("\n", " ").slice(0, 300);
}
