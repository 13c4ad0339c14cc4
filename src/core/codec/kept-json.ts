import { constants } from "node:buffer";
import { FlowError, type Json } from "../../errors/index.ts";
import { copyJson, deepFreeze } from "../../graph/format/plain-data.ts";
import type { ShardRecord } from "../model/records.ts";

interface Size {
  chars: number;
}

/**
 * Deep-freezes a user's JSON in place, so that a store can return its own copy. Normalises it as a round trip through
 * JSON text would: -0 becomes 0.
 *
 * @param what - how an error names the value
 * @throws FlowError `RECORD_TOO_LARGE` when its JSON text would be longer than a string can be
 */
export function keepJson<TValue>(value: TValue, what: string): TValue {
  const size: Size = { chars: 0 };
  freeze(value, size);
  if (size.chars > constants.MAX_STRING_LENGTH) throw jsonTooLarge(what);
  return Object.is(value, -0) ? (0 as TValue) : value;
}

/**
 * Freezes the user's values in a shard's record, so that a store can return its own copy. Freezing the whole record
 * would add half of a node's total cost, and the engine never changes a record in place.
 */
export function keepShard(record: ShardRecord): ShardRecord {
  deepFreeze(record.result);
  deepFreeze(record.metrics);
  deepFreeze(record.checkpoint);
  deepFreeze(record.progress);
  deepFreeze(record.failure);
  return record;
}

const jsonTooLarge = (what: string): FlowError =>
  new FlowError(
    "RECORD_TOO_LARGE",
    `${what} is too large to store as JSON: split it, for instance into smaller batches`,
  );

const maxBytesPerChar = 3;

/**
 * The JSON text of a value.
 *
 * @param what - how an error names the value
 * @throws FlowError `RECORD_TOO_LARGE` when it is longer than a string can be, or than `maxBytes` in UTF-8
 */
export function jsonText(value: unknown, what: string, maxBytes: number): string {
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw error instanceof RangeError ? jsonTooLarge(what) : error;
  }
  if (text.length * maxBytesPerChar > maxBytes && Buffer.byteLength(text) > maxBytes) throw jsonTooLarge(what);
  return text;
}

/** JSON that the caller may change: a copy, if the value is frozen because a store shares it. */
export const ownJson = (value: Json): Json => (Object.isFrozen(value) ? copyJson(value) : value);

/** Bottom-up, which measured three times as fast as top-down. */
function freeze(value: unknown, size: Size): void {
  if (typeof value === "string") size.chars += value.length;
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      if (Object.is(value[at], -0)) Reflect.set(value, at, 0);
      else freeze(value[at], size);
    }
  } else {
    const object = value as Record<string, unknown>;
    for (const key in object) {
      if (Object.is(object[key], -0)) Reflect.set(value, key, 0);
      else freeze(object[key], size);
    }
  }
  Object.freeze(value);
}
