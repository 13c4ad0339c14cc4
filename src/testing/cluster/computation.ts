import type { Json } from "../../errors/index.ts";

/* What simulated handlers compute: pure functions of a node and a batch, so that anybody can compute them again. */

export interface SourceArgs {
  readonly batches: number;
  readonly shuffle: boolean;
  readonly grow: boolean;
  /** Saves its place as its checkpoint, and goes on from there. */
  readonly saves: boolean;
  /** Goes on when others can read the batch that it has yielded, as one does that waits for its consumers. */
  readonly waits: boolean;
  /** Of its node. */
  readonly partitions: number;
}

/** How many batches more a growing source has in some attempts. */
export const mostGrowth = 2;

/** The output of a batch. */
export function compute(nodeId: string, payload: unknown): { readonly rows: number[] } {
  const salt = hashText(nodeId);
  return { rows: numbersIn(payload).map((number) => (Math.floor(number) * 31 + salt) % 997) };
}

/** The batch that a source names `uid`. */
export function sourcePayload(nodeId: string, uid: string): number[] {
  const count = hashText(`${nodeId}/${uid}`) % 5;
  return Array.from({ length: count }, (_, index) => hashText(`${nodeId}/${uid}/${index}`) % 997);
}

/** What a source that can't resume yields at this epoch: other batches, and other names, each time. */
export function unstableUids(nodeId: string, epoch: number, batches: number): string[] {
  const count = batches + (hashText(`${nodeId}#${epoch}`) % (mostGrowth + 1));
  return Array.from({ length: count }, (_, index) => `e${epoch}b${index}`);
}

/** All numbers of a value, those under a key mixed with it, in an order that its keys give. */
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
