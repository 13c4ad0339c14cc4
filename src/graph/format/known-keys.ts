import type { JsonObject } from "../../errors/index.ts";
import type { FindingCode } from "./findings.ts";
import { nearName } from "./near-name.ts";
import { type Field, type FieldTable, type GraphNode, ioFields, nodeFields } from "./node-fields.ts";
import { condition } from "./pattern.ts";
import type { Path } from "./pointer.ts";
import { graphShape, nodeShape, typeSchemasShape } from "./schema.ts";

export const nodeKeys = keysOf(nodeShape.shape);
export const ioKeys = keysOf(ioFields);
const conditionKeys = keysOf(condition.shape);
const graphKeys = keysOf(graphShape.shape);
const typeSchemasKeys = keysOf(typeSchemasShape.shape);

/** The keys that the object at `path` may have. */
export function keysAt(path: Path): ReadonlySet<string> {
  if (path.length === 0) return graphKeys;
  if (path[0] === "schemas") return typeSchemasKeys;
  if (path.length === 2) return nodeKeys;
  const [, , key] = path;
  if (key === "when") return conditionKeys;
  return keysOf(Object.entries(nodeFields).find(([name]) => name === key)?.[1].fields ?? {});
}

/**
 * Unknown keys of `object` that are probably misspelt, by the known key that is missing.
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

/** The object without keys whose value is the default, in the order of the rows. */
export function withoutDefaults<T extends object>(object: T, fields: FieldTable): T {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, field]) => {
      const value: unknown = object[key as keyof T];
      return isUnset(value, field) ? [] : [[key, value]];
    }),
  ) as T;
}

/** A key of a node with a value other than its default. */
export interface SetField {
  readonly field: Field;
  readonly key: string;
  /** Keys from the node down. */
  readonly path: readonly string[];
}

export function setFields(node: GraphNode): readonly SetField[] {
  return [...setIn(node, nodeFields, [])];
}

function* setIn(object: object, fields: FieldTable, above: readonly string[]): Generator<SetField> {
  for (const [key, field] of Object.entries(fields)) {
    const value: unknown = object[key as keyof typeof object];
    if (isUnset(value, field)) continue;
    const path = [...above, key];
    yield { field, key, path };
    if (field.fields !== undefined && typeof value === "object" && value !== null) {
      yield* setIn(value, field.fields, path);
    }
  }
}

function isUnset(value: unknown, { default: standard }: Field): boolean {
  if (value === undefined || value === standard) return true;
  if (Array.isArray(standard)) {
    return Array.isArray(value) && value.length === standard.length && standard.every((item, at) => item === value[at]);
  }
  // The default of an object is an empty one.
  return typeof standard === "object" && typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function keysOf(object: object): ReadonlySet<string> {
  return new Set(Object.keys(object));
}

/** Keys of a primed graph: accepted with their initial values, and dropped. */
export const runtimeKeys = ["status", "attempt_epoch", "stats", "lease"] as const;

/** Places in a node with a specific code; everywhere else the code is `GRAPH_SHAPE`. */
const codesInNode: ReadonlyMap<string, FindingCode> = new Map<string, FindingCode>([
  ["fan_in", "GRAPH_FAN_IN"],
  ["when", "GRAPH_WHEN"],
  ["retry_policy", "GRAPH_RETRY_POLICY"],
  ["limits", "GRAPH_LIMITS"],
  ["io.start_when", "GRAPH_START_WHEN"],
  ["io.input_inline.input_args", "GRAPH_ADAPTER_ARGS"],
  ["io.fn_args", "GRAPH_FN_ARGS"],
  ...runtimeKeys.map((key) => [key, "GRAPH_UNSUPPORTED"] as const),
]);

/** The code of an ill-shaped value at `path`. */
export function codeAt(path: Path): FindingCode {
  if (path[0] !== "nodes") return "GRAPH_SHAPE";
  const inNode = path.slice(2);
  for (let length = 1; length <= Math.min(3, inNode.length); length++) {
    const code = codesInNode.get(inNode.slice(0, length).join("."));
    if (code !== undefined) return code;
  }
  return "GRAPH_SHAPE";
}

const runState = "it is run-time state, remove it";

/** Keys of the Python original that this engine does not support, with advice on what to do instead. */
export const unsupportedKeys: ReadonlyMap<string, string> = new Map([
  ["routing", "use depends_on and fan_in on the child nodes"],
  ["edges_ex", "write edges as [from, to] pairs, and set io.start_when 'first_batch' on a streaming node"],
  ["started_at", runState],
  ["finished_at", runState],
  ["next_retry_at", runState],
  ["artifacts", runState],
]);
