import type { Json, JsonObject } from "../errors/index.ts";
import type { DraftNode, Facet, Facets } from "./draft.ts";
import { ioKeys, misspelt, nodeKeys } from "./known-keys.ts";
import { isObject } from "./plain-data.ts";
import type { Path } from "./pointer.ts";
import { cut } from "./quoted.ts";
import { ioShape, nodeShape } from "./schema.ts";

const inNode = ["node_id", "type", "depends_on", "fan_in", "retry_policy", "partitions"] as const;
const inIo = ["start_when", "input_inline", "fn", "fn_args"] as const;
const isInIo = (facet: Facet): boolean => (inIo as readonly Facet[]).includes(facet);

/** A node whose shape is right as it stands. */
export function wellShapedNode(raw: JsonObject, index: number): DraftNode {
  const { node_id, type, depends_on, fan_in, retry_policy, partitions } = raw;
  const { start_when, input_inline, fn, fn_args } = (raw.io ?? {}) as JsonObject;
  const inside = { start_when, input_inline, fn, fn_args };
  const facets = { node_id, type, depends_on, fan_in, retry_policy, partitions, ...inside };
  return draftNode({ index, name: node_id as string, facets });
}

/** A node with mistakes in its shape: what can be read of it, a misspelt key taken for what was meant. */
export function illShapedNode(raw: Json, index: number): DraftNode {
  const unclear = new Set<Facet>();
  const facets: { [facet: string]: unknown } = {};
  const keyOf = new Map<Facet, string>();
  const read = (from: JsonObject, keys: readonly Facet[], shape: Readonly<Record<string, Shape>>) => {
    const meant = misspelt(from, shape === ioShape.shape ? ioKeys : nodeKeys);
    for (const facet of keys) {
      const key = Object.hasOwn(from, facet) ? facet : meant.get(facet);
      if (key === undefined) continue;
      keyOf.set(facet, key);
      if (shape[facet]?.safeParse(from[key]).success) facets[facet] = from[key];
      else unclear.add(facet);
    }
  };
  if (isObject(raw)) {
    read(raw, inNode, nodeShape.shape);
    const io = raw.io ?? raw[misspelt(raw, nodeKeys).get("io") ?? "io"];
    if (isObject(io)) read(io, inIo, ioShape.shape);
    else if (io !== undefined) for (const facet of inIo) unclear.add(facet);
  } else {
    for (const facet of [...inNode, ...inIo]) unclear.add(facet);
  }
  const id = isObject(raw) ? raw[keyOf.get("node_id") ?? "node_id"] : undefined;
  return draftNode({ index, name: typeof id === "string" ? cut(id) : undefined, facets, unclear, keyOf });
}

/**
 * What other nodes may call a node that has no usable id: any text in it under a key that a node doesn't have
 * (`{ "id": "extract" }`). A reference to that name is no second mistake.
 */
export function possibleNames(raw: Json): string[] {
  if (!isObject(raw)) return [];
  const id = raw.node_id;
  if (typeof id === "string" || typeof id === "number") return [String(id)];
  return Object.entries(raw).flatMap(([key, value]) =>
    typeof value === "string" && !nodeKeys.has(key) ? [value] : [],
  );
}

interface Shape {
  safeParse(value: unknown): { readonly success: boolean };
}

interface DraftParts {
  readonly index: number;
  readonly name: string | undefined;
  readonly facets: object;
  readonly unclear?: ReadonlySet<Facet>;
  readonly keyOf?: ReadonlyMap<Facet, string>;
}

const none: ReadonlySet<Facet> = new Set();

function draftNode({ index, name, facets, unclear = none, keyOf }: DraftParts): DraftNode {
  return {
    index,
    name: name ?? `#${index}`,
    label: name === undefined ? `nodes[${index}]` : `node '${name}'`,
    facets: facets as Facets,
    unclear,
    pathOf: (facet): Path => {
      const key = keyOf?.get(facet) ?? facet;
      return isInIo(facet) ? ["nodes", index, "io", key] : ["nodes", index, key];
    },
  };
}
