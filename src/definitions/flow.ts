import type { $ZodType } from "zod/v4/core";
import type { Graph } from "../graph/index.ts";
import type { CoordinatorFunctionDefinition } from "./coordinator-function.ts";
import type { HandlerDefinition } from "./handler.ts";
import type { InputAdapterDefinition } from "./input-adapter.ts";

/** What the type of a flow knows about a run of it. Exists in types only. */
export interface FlowTypes {
  /** What it was called; anything but a text when it has no name. */
  readonly name: unknown;
  /** Parameters as the caller of `run` gives them. */
  readonly params: unknown;
  /** By the name of an input: what one batch of the node is that feeds it. A flow that has inputs doesn't run by itself. */
  readonly inputs: object;
  /** By node id: what one batch of the node stores. */
  readonly outputs: object;
  /** By leaf id: the handler's `result`, or the list of its outputs when it declares none. */
  readonly results: object;
  /** By node id: the handler that runs it. */
  readonly handlers: object;
  /** The names of these handlers; `string` when they aren't known. */
  readonly handlerNames: string;
}

/** A flow as the engine takes it: a graph, and the code its nodes run. The builder's flows are such. */
export interface FlowDefinition<TTypes extends FlowTypes = FlowTypes> {
  readonly $infer: TTypes;
  /** The handlers that the flow's nodes run, by name. */
  readonly handlers: Readonly<Record<string, HandlerDefinition>>;
  readonly inputAdapters: readonly InputAdapterDefinition[];
  readonly coordinatorFns: readonly CoordinatorFunctionDefinition[];
  readonly paramsSchema: $ZodType | undefined;
  /** The same frozen object at each call. */
  compile(): Graph;
}
