import type { InputAdapterDefinition } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import { deepFreeze } from "../../graph/deep-freeze.ts";

/** How an adapter cuts one upstream artifact into payloads. */
export type Expand = (meta: Json, nodeId: string) => readonly unknown[];

/** What a stream adapter does with artifacts. */
export interface StreamAdapter {
  /** `true`: one artifact is one batch, so a batch needs no chunk index in its name. */
  readonly whole: boolean;
  readonly expand: Expand;
}

export const pull: StreamAdapter = { whole: true, expand: (meta) => [meta] };

/**
 * Deterministic rechunking: `meta[meta_list_key]` cut to `size` when the key is given and the value is a list, else the
 * meta as the only item. Never across artifacts, no guessing of keys. An empty list makes no batch.
 */
export function rechunk(args: { readonly size: number; readonly meta_list_key?: string | undefined }): StreamAdapter {
  const { size, meta_list_key: key } = args;
  return {
    whole: false,
    expand(meta) {
      const value = key !== undefined && isObject(meta) && Object.hasOwn(meta, key) ? meta[key] : undefined;
      const items = Array.isArray(value) ? value : [meta];
      const chunks: Json[] = [];
      for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
      return chunks;
    },
  };
}

export function customAdapter(definition: InputAdapterDefinition, args: unknown): StreamAdapter {
  return { whole: false, expand: (meta, nodeId) => definition.expand({ meta: deepFreeze(meta), nodeId, args }) };
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
