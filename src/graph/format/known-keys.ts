import type { JsonObject } from "../../errors/index.ts";
import { nearName } from "./near-name.ts";
import { ioFields, nodeFields } from "./node-fields.ts";
import type { Path } from "./pointer.ts";
import { graphShape, nodeShape, typeSchemasShape } from "./schema.ts";

export const nodeKeys = keysOf(nodeShape.shape);
export const ioKeys = keysOf(ioFields);
const graphKeys = keysOf(graphShape.shape);
const typeSchemasKeys = keysOf(typeSchemasShape.shape);

/** The keys that the object at `path` may have. */
export function keysAt(path: Path): ReadonlySet<string> {
  if (path.length === 0) return graphKeys;
  if (path[0] === "schemas") return typeSchemasKeys;
  if (path.length === 2) return nodeKeys;
  const [, , key] = path;
  return keysOf(Object.entries(nodeFields).find(([name]) => name === key)?.[1].fields ?? {});
}

/**
 * Unknown keys of `object` that were probably meant to be known ones that it lacks, by the known one.
 *
 * @example
 * misspelt({ depend_on: [] }, nodeKeys) // Map { "depends_on" => "depend_on" }
 */
export function misspelt(object: JsonObject, known: ReadonlySet<string>): ReadonlyMap<string, string> {
  const meant = new Map<string, string>();
  for (const key of Object.keys(object)) {
    if (known.has(key)) continue;
    const near = nearName(key, known);
    if (near !== undefined && !Object.hasOwn(object, near) && !meant.has(near)) meant.set(near, key);
  }
  return meant;
}

function keysOf(object: object): ReadonlySet<string> {
  return new Set(Object.keys(object));
}
