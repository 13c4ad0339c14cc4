import type { FlowDefinition } from "flowkit";

export interface Mistake {
  readonly rule: string;
  /** Of the sentence that both the compiler and `compile()` say. */
  readonly words: string;
  /** Why the compiler says it in words of its own; then `words` are those of `compile()`, if it has any. */
  readonly ownWords?: string;
  /** What the compiler underlines starts with this. */
  readonly token: string;
  /** `false`: only types can tell, or only a run. @defaultValue true */
  readonly atRunTime?: boolean;
  readonly make: () => Pick<FlowDefinition, "compile">;
  /** The same without the mistake: it compiles, in both senses. */
  readonly right: () => Pick<FlowDefinition, "compile">;
}
