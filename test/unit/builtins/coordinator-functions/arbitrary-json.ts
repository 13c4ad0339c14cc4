import * as fc from "fast-check";
import type { Json, JsonObject } from "../../../../src/errors/index.ts";

const key = fc.constantFrom("a", "b", "c", "d", "toString", "hasOwnProperty");
const leaf: fc.Arbitrary<Json> = fc.oneof(
  fc.integer(),
  fc.string({ maxLength: 5 }),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.integer(), { maxLength: 3 }),
);

const tie = fc.letrec<{ json: Json; object: JsonObject }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    tie("object"),
    fc.array(tie("json"), { maxLength: 3 }),
  ),
  object: fc.dictionary(key, tie("json"), { maxKeys: 4 }) as fc.Arbitrary<JsonObject>,
}));

/** Any JSON with few different keys, so that two values often share some; includes names of inherited members. */
export const anyJson = tie.json;
export const anyObject = tie.object;

type Kind = "number" | "list" | { readonly [key: string]: Kind };

/** The kind of value at each position: values of one kind agree everywhere. */
const kind: fc.Arbitrary<Kind> = fc.letrec<{ kind: Kind }>((tie) => ({
  kind: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<Kind>("number", "list"),
    fc.dictionary(key, tie("kind"), { maxKeys: 4 }) as fc.Arbitrary<Kind>,
  ),
})).kind;

function jsonOf(of: Kind): fc.Arbitrary<Json> {
  if (of === "number") return fc.integer();
  if (of === "list") return fc.array(fc.integer(), { maxLength: 3 });
  const parts = Object.fromEntries(Object.entries(of).map(([name, inner]) => [name, jsonOf(inner)]));
  return fc.record(parts, { requiredKeys: [] }) as fc.Arbitrary<Json>;
}

/** Three values that have the same kind at each position that they share. */
export const alikeTriple: fc.Arbitrary<readonly [Json, Json, Json]> = kind.chain((of) =>
  fc.tuple(jsonOf(of), jsonOf(of), jsonOf(of)),
);
