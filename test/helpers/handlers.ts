import * as z from "zod";
import type { HandlerDefinition, SourceBatch } from "../../src/definitions/index.ts";
import type { Json } from "../../src/errors/index.ts";

type Options = Partial<Omit<HandlerDefinition, "kind" | "name">>;

/** A handler with any JSON as input and output; without `processBatch` it outputs its payload. */
export function handler(name: string, options: Options = {}): HandlerDefinition {
  return { kind: "handler", name, output: z.json(), errors: [], resumable: true, ...options };
}

/** A source that yields these payloads and outputs them unchanged, unless `options` override it. */
export function source(name: string, payloads: readonly Json[], options: Options = {}): HandlerDefinition {
  return handler(name, { iterBatches: () => payloads.map((payload) => ({ payload })), ...options });
}

/** `items` in pages of `size`, as `{ items: [...] }`. */
export function pages(items: readonly Json[], size: number): Json[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, page) => ({
    items: items.slice(page * size, (page + 1) * size),
  }));
}

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Yields batches one at a time, each when `next` allows it. */
export async function* paced(
  payloads: Iterable<Json>,
  next: (index: number) => Promise<unknown>,
): AsyncGenerator<SourceBatch<unknown>> {
  let index = 0;
  for (const payload of payloads) {
    await next(index++);
    yield { payload };
  }
}

/** Adds the number of a batch's items as a metric. */
export const countItems = (payload: unknown): number => (payload as { items: unknown[] }).items.length;
