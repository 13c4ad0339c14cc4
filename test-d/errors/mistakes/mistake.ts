import type { FlowDefinition } from "flowkit";

export interface Mistake {
  readonly rule: string;
  /** A part of the message of both the compiler and `compile()`. */
  readonly words: string;
  /** Why the compiler's message is its own; `words` are then those of `compile()`, if it detects the mistake. */
  readonly ownWords?: string;
  /** The start of the code that the compiler underlines. */
  readonly token: string;
  /** `false`: only the compiler, or only a run, can detect it. @defaultValue true */
  readonly atRunTime?: boolean;
  readonly make: () => Pick<FlowDefinition, "compile">;
  /** The same without the mistake: TypeScript and `compile()` both accept it. */
  readonly right: () => Pick<FlowDefinition, "compile">;
}
