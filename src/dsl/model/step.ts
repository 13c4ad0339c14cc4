import type { $ZodType } from "zod/v4/core";
import type {
  CoordinatorFunctionDefinition,
  FlowDefinition,
  HandlerDefinition,
  InputAdapterDefinition,
} from "../../definitions/index.ts";
import type { JsonObject } from "../../errors/index.ts";
import type { Graph, GraphNode, TypeSchemas } from "../../graph/index.ts";

/** One call in the chain. */
export type ChainStep = Step | UseStep;

/**
 * One node. Options are kept as they were written: the compiler has checked them for TypeScript, and
 * `compile()` checks them at run time.
 */
export type Step =
  | { readonly kind: "node"; readonly id: string; readonly handler: HandlerDefinition; readonly options: StepOptions }
  | {
      readonly kind: "fn";
      readonly id: string;
      readonly fn: string | CoordinatorFunctionDefinition;
      readonly options: StepOptions;
    }
  | LoadedStep;

/** A node from a graph JSON, checked with that graph. */
export interface LoadedStep {
  readonly kind: "json";
  readonly id: string;
  readonly node: GraphNode;
  /** The handler of its type; `undefined` if the graph was loaded without its code. */
  readonly handler: HandlerDefinition | undefined;
  /** Its coordinator function, if that is a custom one. */
  readonly fn: CoordinatorFunctionDefinition | undefined;
  /** Its type's schemas in that graph. */
  readonly schemas: TypeSchemas | undefined;
  readonly options: StepOptions;
}

/** A flow that a node runs for each of its batches. */
export interface Subflow {
  readonly name: string;
  readonly flow: FlowDefinition;
  readonly item: string;
  readonly settled: boolean;
}

export interface SubflowHandler extends HandlerDefinition {
  readonly subflow: Subflow;
}

/** All nodes of another flow, under ids that begin with `id`. */
export interface UseStep {
  readonly kind: "use";
  readonly id: string;
  readonly flow: FlowDefinition;
  readonly options: UseOptions;
}

export interface UseOptions {
  readonly inputs?: Readonly<Record<string, string>>;
}

export interface StepOptions {
  readonly after: readonly string[];
  readonly fanIn?: string;
  readonly startWhen?: string;
  readonly input?: InputOptions;
  readonly where?: unknown;
  readonly when?: unknown;
  readonly delaySec?: unknown;
  readonly args?: unknown;
  readonly retry?: { readonly permanentOn?: unknown };
  readonly onBatchFailure?: string;
  readonly tolerate?: { readonly batches?: number; readonly share?: number };
  readonly limits?: {
    readonly key?: unknown;
    readonly maxRunning?: unknown;
    readonly perSec?: unknown;
    readonly burst?: unknown;
  };
}

export interface InputOptions {
  readonly adapter: string;
  readonly from?: readonly string[] | Readonly<Record<string, string>>;
  readonly [adapterArgument: string]: unknown;
}

/** What a flow starts with. */
export interface FlowHead {
  readonly name: string | undefined;
  readonly paramsSchema: $ZodType | undefined;
  readonly inputAdapters: readonly InputAdapterDefinition[];
  /** By input name, the schema of one batch of the outer flow's node that feeds it. */
  readonly inputs?: Readonly<Record<string, $ZodType>>;
  /** The keys of what nodes store whose values must each go to some node. */
  readonly cases?: readonly { readonly source: string; readonly key: string }[];
  /** Parts of a loaded graph JSON, which are written back unchanged. */
  readonly loaded?: { readonly paramsSchema: JsonObject | undefined; readonly schemas: Graph["schemas"] | undefined };
}

export const fnName = (fn: string | CoordinatorFunctionDefinition): string => (typeof fn === "string" ? fn : fn.name);

/** The handler that a step runs, if it is known. */
export function handlerOf(step: Step): HandlerDefinition | undefined {
  return step.kind === "fn" ? undefined : step.handler;
}

/** The subflow that a handler runs, if it is one. */
export const subflowOf = (handler: HandlerDefinition | undefined): Subflow | undefined =>
  (handler as SubflowHandler | undefined)?.subflow;

/** The coordinator function that a step calls, unless it is a built-in one. */
export function ownFnOf(step: Step): CoordinatorFunctionDefinition | undefined {
  if (step.kind === "node") return undefined;
  return typeof step.fn === "object" ? step.fn : undefined;
}
