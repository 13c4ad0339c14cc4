import type { $ZodType } from "zod/v4/core";
import type { Graph } from "../graph/index.ts";
import type { CoordinatorFunctionDefinition } from "./coordinator-function.ts";
import type { HandlerDefinition } from "./handler.ts";
import type { InputAdapterDefinition } from "./input-adapter.ts";

/** The types of a flow that a run of it needs. Exists in types only. */
export interface FlowTypes {
  /** Its name; not a string if it has no name. */
  readonly name: unknown;
  /** The parameters as the caller of `run` passes them. */
  readonly params: unknown;
  /** By the name of an input: one batch of the node that feeds it. A flow with inputs cannot run by itself. */
  readonly inputs: object;
  /** By node id: the stored output of one batch. */
  readonly outputs: object;
  /** By leaf id: the handler's `result`, or the list of its outputs if it declares none. */
  readonly results: object;
  /** By the id of a node that waits for a signal: the payload of the signal. */
  readonly signals: object;
  /** By node id: the handler that runs it. */
  readonly handlers: object;
  /** The names of these handlers; `string` if they are not known. */
  readonly handlerNames: string;
}

/** A flow as the engine runs it: a graph, and the handlers of its nodes. The builder's flows implement it. */
export interface FlowDefinition<TTypes extends FlowTypes = FlowTypes> {
  readonly $infer: TTypes;
  /** The handlers of the flow's nodes, by name. */
  readonly handlers: Readonly<Record<string, HandlerDefinition>>;
  readonly inputAdapters: readonly InputAdapterDefinition[];
  readonly coordinatorFns: readonly CoordinatorFunctionDefinition[];
  readonly paramsSchema: $ZodType | undefined;
  /** Returns the same frozen object each time; with `schemas`, one that describes the data of its handlers. */
  compile(options?: { readonly schemas?: boolean }): Graph;
}
