import type { $ZodType } from "zod/v4/core";
import type { CoordinatorFunctionDefinition, HandlerDefinition, InputAdapterDefinition } from "../definitions/index.ts";

/**
 * One call in the chain. Options are kept as they were written: the compiler has checked them for TypeScript, and
 * `compile()` checks them for everybody.
 */
export type Step =
  | { readonly kind: "node"; readonly id: string; readonly handler: HandlerDefinition; readonly options: StepOptions }
  | {
      readonly kind: "fn";
      readonly id: string;
      readonly fn: string | CoordinatorFunctionDefinition;
      readonly options: StepOptions;
    };

export interface StepOptions {
  readonly after: readonly string[];
  readonly fanIn?: string;
  readonly startWhen?: string;
  readonly input?: InputOptions;
  readonly args?: unknown;
  readonly retry?: { readonly permanentOn?: unknown };
  readonly timeoutSec?: number;
  readonly partitions?: number;
  readonly maxPendingBatches?: number;
}

export interface InputOptions {
  readonly adapter: string;
  readonly from?: readonly string[] | Readonly<Record<string, string>>;
  readonly [adapterArgument: string]: unknown;
}

/** What a flow is given at its start. */
export interface FlowHead {
  readonly name: string | undefined;
  readonly paramsSchema: $ZodType | undefined;
  readonly inputAdapters: readonly InputAdapterDefinition[];
}

export const fnName = (fn: string | CoordinatorFunctionDefinition): string => (typeof fn === "string" ? fn : fn.name);
