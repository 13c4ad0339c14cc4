import type { $ZodType } from "zod/v4/core";
import type { FlowDefinition } from "../../definitions/index.ts";
import type { ChainStep, Step } from "./step.ts";

/** What `compile()` reads of a flow, and what an outer flow reads of its subflow. */
export interface FlowView {
  /** By input name, the schema of one batch. In its nodes an input name stands for a node of the outer flow. */
  readonly inputs: Readonly<Record<string, $ZodType>>;
  readonly ids: readonly string[];
  /** By node id, the schema of one batch, for nodes that have one. */
  readonly outputs: ReadonlyMap<string, $ZodType>;
  /** The parents of a following `then`. */
  readonly last: readonly string[];
  /** Its errors, as messages. */
  readonly findings: readonly string[];
  /** All its nodes, including those of its subflows. Called only if it has no errors. */
  steps(): readonly Step[];
}

/** The key of the `FlowView` in a flow. A registered symbol, so that it is the same in every copy of the package. */
export const flowView: unique symbol = Symbol.for("flowkit.flowPart");

interface Usable extends FlowDefinition {
  readonly [flowView]: FlowView;
}

/** Whether a value was built with `flow()` or `fromGraph()`. */
export function isFlow(value: unknown): value is Usable {
  return typeof value === "object" && value !== null && flowView in value;
}

export const prefixed = (prefix: string, id: string): string => `${prefix}.${id}`;

/** The parents of a `then` that follows the step. */
export function lastIds(step: ChainStep): readonly string[] {
  if (step.kind !== "use") return [step.id];
  return isFlow(step.flow) ? step.flow[flowView].last.map((id) => prefixed(step.id, id)) : [];
}
