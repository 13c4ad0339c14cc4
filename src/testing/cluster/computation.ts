import * as z from "zod";
import type { InputAdapterDefinition } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
/* What simulated handlers compute: pure functions of a node and a batch, so that checks can recompute it. */

export interface SourceArgs {
  readonly batches: number;
  readonly shuffle: boolean;
  readonly grow: boolean;
  /** Saves its position as its checkpoint, and resumes from there. */
  readonly saves: boolean;
  /** Continues once its last batch is stored, like a source that waits for its consumers. */
  readonly waits: boolean;
  /** Partitions of its node. */
  readonly partitions: number;
  /** For any node: some of its batches fail at each try. */
  readonly hopeless?: boolean;
  /** For the first node of a flow that a node runs: the item. */
  readonly item?: Json;
}

/** How many additional batches a growing source has in some attempts. */
export const mostGrowth = 2;

/** The values of `kind` in outputs, for nodes that take only some of them. */
export const kinds = ["a", "b", "c"] as const;

/** The schema of the output of a batch. */
export const outputSchema = z.object({ rows: z.array(z.number()), kind: z.enum(kinds) });

/** The output of a batch. */
export function compute(nodeId: string, payload: unknown): z.infer<typeof outputSchema> {
  const salt = hashText(nodeId);
  const rows = (isOutcome(payload) ? outcomeNumbers(payload) : numbersIn(payload)).map(
    (number) => (Math.floor(number) * 31 + salt) % 997,
  );
  return { rows, kind: kinds[hashText(`${nodeId} ${rows}`) % kinds.length] ?? kinds[0] };
}

const isOutcome = (payload: unknown): payload is JsonObject =>
  typeof payload === "object" && payload !== null && "nodeId" in payload && "status" in payload;

function outcomeNumbers({ nodeId, status, reasonCode, message, batchUid }: JsonObject): number[] {
  return [hashText(JSON.stringify([nodeId, status, reasonCode, message, batchUid]))];
}

/** Whether a simulated node takes an artifact. */
export const isTaken = (where: Json | undefined, meta: Json): boolean => where === undefined || fits(where, meta);

/** Whether a value matches a pattern; supports only the patterns of drawn graphs. */
export function fits(pattern: Json, value: Json | undefined): boolean {
  if (Array.isArray(pattern)) return typeof value === "string" && pattern.includes(value);
  if (typeof pattern !== "object" || pattern === null) return value === pattern;
  const { $not: negated, $exists: exists } = pattern as JsonObject;
  if (negated !== undefined) return !fits(negated, value);
  if (exists !== undefined) return (value !== undefined) === exists;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const own = value as JsonObject;
  return Object.entries(pattern).every(([key, inner]) => fits(inner, Object.hasOwn(own, key) ? own[key] : undefined));
}

/** The payload of a source's batch `uid`. */
export function sourcePayload(nodeId: string, uid: string): number[] {
  const count = hashText(`${nodeId}/${uid}`) % 5;
  return Array.from({ length: count }, (_, index) => hashText(`${nodeId}/${uid}/${index}`) % 997);
}

/** Whether this batch fails at each try, in a node with such batches. */
export const isHopeless = (nodeId: string, uid: string): boolean => hashText(`${nodeId}/${uid} fails`) % 6 === 0;

/** The batches of a non-resumable source in this epoch: different batches and uids in each. */
export function unstableUids(nodeId: string, epoch: number, batches: number): string[] {
  const count = batches + (hashText(`${nodeId}#${epoch}`) % (mostGrowth + 1));
  return Array.from({ length: count }, (_, index) => `e${epoch}b${index}`);
}

/** All numbers in a value, mixed with their keys, in key order. */
function numbersIn(value: unknown): number[] {
  if (typeof value === "number") return [value];
  if (Array.isArray(value)) return value.flatMap(numbersIn);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value as { readonly [key: string]: Json })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, inner]) => numbersIn(inner).map((number) => number + (hashText(key) % 97)));
}

function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % 1_000_003;
}

/** A custom adapter: splits the list under a key into a number of parts of similar size. */
export const partsAdapter: InputAdapterDefinition = {
  kind: "inputAdapter",
  name: "sim.parts",
  args: z.object({ key: z.string(), parts: z.int() }),
  expand({ meta, args }) {
    const parts = partsOf(meta, args as { readonly key: string; readonly parts: number });
    spoil(meta);
    return parts;
  },
};

/** A pure function, as an adapter must be, so the reference can call it too. */
export function partsOf(meta: Json, { key, parts }: { readonly key: string; readonly parts: number }): Json[] {
  const found = (meta as JsonObject)[key];
  const items = Array.isArray(found) ? found : [];
  const size = Math.ceil(items.length / parts);
  return Array.from({ length: parts }, (_, at) => items.slice(at * size, (at + 1) * size));
}

/**
 * Mutates a received value deeply, as careless code does. Frozen values stay as they are; all others must belong to the
 * caller alone.
 */
export function spoil(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    spoil(inner);
    if (typeof inner !== "object") Reflect.set(value, key, "spoiled");
  }
  if (Array.isArray(value)) Reflect.set(value, value.length, "spoiled");
  else Reflect.set(value, "spoiled", true);
}
