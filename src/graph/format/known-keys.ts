import type { JsonObject } from "../../errors/index.ts";
import { nearName } from "./near-name.ts";
import type { Path } from "./pointer.ts";
import { graphShape, ioShape, nodeShape, retryPolicyShape, typeSchemasShape } from "./schema.ts";

export const nodeKeys = keysOf(nodeShape);
export const ioKeys = keysOf(ioShape);
const graphKeys = keysOf(graphShape);
const retryPolicyKeys = keysOf(retryPolicyShape);
const typeSchemasKeys = keysOf(typeSchemasShape);
const none: ReadonlySet<string> = new Set();

/** The keys that the object at `path` may have. */
export function keysAt(path: Path): ReadonlySet<string> {
  if (path.length === 0) return graphKeys;
  if (path[0] === "schemas") return typeSchemasKeys;
  if (path.length === 2) return nodeKeys;
  if (path[2] === "io") return ioKeys;
  return path[2] === "retry_policy" ? retryPolicyKeys : none;
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

function keysOf(schema: { readonly shape: object }): ReadonlySet<string> {
  return new Set(Object.keys(schema.shape));
}
