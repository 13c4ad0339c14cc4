import type { $ZodType } from "zod/v4/core";
import type { FlowDefinition } from "../../definitions/index.ts";
import type { ChainStep, Step } from "./step.ts";

/** A flow as another one sees that uses it. */
export interface FlowPart {
  /** By names that stand in its nodes for nodes of the other flow: what one batch of theirs is. */
  readonly inputs: Readonly<Record<string, $ZodType>>;
  readonly ids: readonly string[];
  /** What a batch of its nodes is, of those that have a schema. */
  readonly outputs: ReadonlyMap<string, $ZodType>;
  /** What `then` goes on from. */
  readonly last: readonly string[];
  /** Its mistakes. */
  readonly findings: readonly string[];
  /** All its nodes, those of its own parts included. To be asked only when there are no mistakes. */
  steps(): readonly Step[];
}

/** Where a flow has its part; by name, so that it is found whichever copy of the package made the flow. */
export const flowPart: unique symbol = Symbol.for("flowkit.flowPart");

interface Usable extends FlowDefinition {
  readonly [flowPart]: FlowPart;
}

/** Whether the builder made it. */
export function isFlow(value: unknown): value is Usable {
  return typeof value === "object" && value !== null && flowPart in value;
}

export const prefixed = (prefix: string, id: string): string => `${prefix}.${id}`;

/** The ids that a `then` behind the step goes on from. */
export function lastIds(step: ChainStep): readonly string[] {
  if (step.kind !== "use") return [step.id];
  return isFlow(step.flow) ? step.flow[flowPart].last.map((id) => prefixed(step.id, id)) : [];
}
