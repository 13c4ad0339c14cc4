import { isBuiltInAdapter } from "../builtins/input-adapters/index.ts";
import type { Absent } from "../builtins/node-records.ts";
import type { InputAdapterDefinition } from "../definitions/index.ts";
import type { Json } from "../errors/index.ts";
import type { InputAdapter } from "./model/adapter.ts";
import type { AnySchema, Decoded, NoPayload, Wire, WireSchema } from "./model/schema.ts";
import { ownDefinition } from "./rules/definition/check.ts";
import type { ReadSchema } from "./rules/definition/types.ts";

/**
 * Defines a custom input adapter, which splits each upstream artifact into the payloads of batches.
 *
 * @example
 * const column = defineInputAdapter("pull.column", {
 *   args: z.object({ key: z.string() }),
 *   payload: z.json(),
 *   expand: ({ meta, args }) => (Array.isArray(meta) ? meta.map((row) => row?.[args.key] ?? null) : []),
 * })
 * flow("etl", { adapters: [column] }) // ...then { input: { adapter: "pull.column", key: "price" } }
 *
 * @param name - the name that `input.adapter` refers to
 * @param options.args - its arguments besides `from_nodes`, as they are written in the graph
 * @param options.payload - the schema of one payload; without it, a payload has the type of its artifact
 * @param options.expand - a pure function: a retry calls it again and continues after the last processed payload
 * @throws FlowError `FLOW_INVALID` if a member is missing or has the wrong type, or the name is that of a built-in adapter
 */
export function defineInputAdapter<
  const TName extends string,
  TArgs extends AnySchema,
  TPayload extends WireSchema | NoPayload = NoPayload,
>(
  name: TName,
  options: {
    readonly args: ReadSchema<TArgs, TName, "args", "an input adapter">;
    readonly payload?: ReadSchema<TPayload, TName, "payload", "an input adapter">;
    readonly expand: (artifact: {
      readonly meta: Json;
      readonly nodeId: string;
      readonly args: Decoded<TArgs>;
    }) => readonly Wire<TPayload>[];
  },
): InputAdapter<TName, Wire<TArgs>, TPayload extends NoPayload ? Absent : Wire<TPayload>>;
export function defineInputAdapter(name: string, options: object): InputAdapterDefinition {
  const definition = ownDefinition({
    kind: "inputAdapter",
    what: "an input adapter",
    name,
    given: options,
    rules: { schemas: ["args"], optionalSchemas: ["payload"], method: "expand" },
    isTaken: isBuiltInAdapter,
  });
  return definition as InputAdapterDefinition; // `ownDefinition` has checked its members
}
