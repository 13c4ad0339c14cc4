import type { $ZodType } from "zod/v4/core";
import type { CoordinatorFunctionContext, CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import {
  type BuiltInFunctionArgs,
  type BuiltInFunctionName,
  builtInFunctionArgs,
} from "../../graph/format/function-args.ts";

interface BuiltIn<TName extends BuiltInFunctionName> {
  readonly name: TName;
  readonly output: $ZodType;
  run(ctx: CoordinatorFunctionContext<BuiltInFunctionArgs<TName>>): unknown;
}

/** A function that comes with the engine: the graph room owns the schema of its arguments. */
export function builtIn<TName extends BuiltInFunctionName>(fn: BuiltIn<TName>): CoordinatorFunctionDefinition {
  return {
    kind: "coordinatorFn",
    name: fn.name,
    args: builtInFunctionArgs[fn.name],
    output: fn.output,
    // The one cast: whoever runs a function decodes its arguments with `args` first.
    run: (ctx) => fn.run(ctx as CoordinatorFunctionContext<BuiltInFunctionArgs<TName>>),
  };
}
