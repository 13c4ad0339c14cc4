import { isBuiltInFunction } from "../builtins/coordinator-functions/index.ts";
import type { CoordinatorFunctionContext, CoordinatorFunctionDefinition } from "../definitions/index.ts";
import type { CoordinatorFn } from "./model/coordinator-function.ts";
import type { AnySchema, Decoded, Encoded, ReturnSchema, Stored, Wire } from "./model/schema.ts";
import { ownDefinition } from "./rules/definition/check.ts";
import type { JsonSchema, ReadSchema } from "./rules/definition/types.ts";

/**
 * Defines a function that runs inside a coordinator: for bookkeeping between nodes, not for heavy work.
 *
 * @example
 * const count = defineCoordinatorFn("count.artifacts", {
 *   args: z.object({ node: z.string() }),
 *   output: z.object({ artifacts: z.int() }),
 *   nodeArgs: ["node"],
 *   async run({ args, artifacts }) {
 *     let n = 0
 *     for await (const _ of artifacts(args.node)) n++
 *     return { artifacts: n }
 *   },
 * })
 * // flow.fn("count", count, { after: ["clean"], args: { node: "clean" } })
 *
 * @param name - its name in the graph, under `io.fn`
 * @param options.args - its arguments, as they are written in the graph
 * @param options.output - what it returns; stored as the node's one artifact, and its result
 * @param options.nodeArgs - the arguments that are a node id, or a list of node ids, which get a prefix in a subflow
 * @param options.errors - its own reason codes; `retry.permanentOn` may list them
 * @throws FlowError `FLOW_INVALID` if a member is missing or has the wrong type, or the name is that of a built-in function
 */
export function defineCoordinatorFn<
  const TName extends string,
  TArgs extends AnySchema,
  TOutput extends ReturnSchema,
  const TErrors extends string = never,
  const TNodeArgs extends keyof Wire<TArgs> & string = never,
>(
  name: TName,
  options: {
    readonly args: ReadSchema<TArgs, TName, "args", "a coordinator function">;
    readonly output: JsonSchema<TOutput, Encoded<TOutput>, TName, "output", "a coordinator function">;
    readonly nodeArgs?: readonly TNodeArgs[];
    readonly errors?: readonly TErrors[];
    readonly run: (ctx: CoordinatorFunctionContext<Decoded<TArgs>>) => Decoded<TOutput> | Promise<Decoded<TOutput>>;
  },
): CoordinatorFn<TName, Wire<TArgs>, Stored<TOutput>, TErrors, TNodeArgs>;
export function defineCoordinatorFn(name: string, options: object): CoordinatorFunctionDefinition {
  const definition = ownDefinition({
    kind: "coordinatorFn",
    what: "a coordinator function",
    name,
    given: options,
    rules: {
      schemas: ["args", "output"],
      stored: ["args", "output"],
      nameLists: ["nodeArgs", "errors"],
      method: "run",
    },
    isTaken: isBuiltInFunction,
  });
  return definition as unknown as CoordinatorFunctionDefinition; // `ownDefinition` has checked its members
}
