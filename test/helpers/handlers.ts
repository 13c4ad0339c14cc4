import * as z from "zod";
import type { HandlerDefinition, SourceBatch } from "../../src/definitions/index.ts";
import type { Json } from "../../src/errors/index.ts";

type Options = Partial<Omit<HandlerDefinition, "kind" | "name">>;

/** A handler that takes and gives any JSON; without `processBatch` its payload is its output. */
export function handler(name: string, options: Options = {}): HandlerDefinition {
  return { kind: "handler", name, output: z.json(), errors: [], resumable: true, ...options };
}

/** A source that yields these payloads, each its own output, unless `options` say otherwise. */
export function source(name: string, payloads: readonly Json[], options: Options = {}): HandlerDefinition {
  return handler(name, { iterBatches: () => payloads.map((payload) => ({ payload })), ...options });
}

/** `items` in lists of `size`, as `{ items: [...] }`: what a source of pages yields. */
export function pages(items: readonly Json[], size: number): Json[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, page) => ({
    items: items.slice(page * size, (page + 1) * size),
  }));
}

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Batches one after another, each when `next` allows it. */
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

/** A number of a batch's items as its metric. */
export const countItems = (payload: unknown): number => (payload as { items: unknown[] }).items.length;
