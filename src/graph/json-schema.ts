import * as z from "zod";
import { builtInFunctions } from "../builtins/coordinator-functions/index.ts";
import { adapterSpellings } from "../builtins/input-adapters/index.ts";
import type { JsonObject } from "../errors/index.ts";
import { graphShape } from "./format/schema.ts";

/**
 * The graph contract as JSON Schema (draft 2020-12), for editors and for programs that write graphs in other languages.
 * Only `validateGraph` checks rules that involve several values, such as cycles and node names.
 *
 * @example
 * await writeFile("graph.schema.json", JSON.stringify(graphJsonSchema(), null, 2))
 */
export function graphJsonSchema(): JsonObject {
  const schema = z.toJSONSchema(graphShape, {
    target: "draft-2020-12",
    io: "input",
    override: ({ jsonSchema, path }) => {
      const key = path.at(-1);
      if (key === "input_adapter") jsonSchema.examples = [...adapterSpellings];
      if (key === "fn") jsonSchema.examples = Object.keys(builtInFunctions);
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return { ...(schema as JsonObject), title: "Flow graph" };
}
