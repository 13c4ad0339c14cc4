import { jsonTooLarge } from "../../core/codec/index.ts";

/** The most that SQLite takes as one value, as it is built. */
const mostBytes = 1_000_000_000;
const mostBytesAChar = 3;

/**
 * JSON as its column holds it.
 *
 * @param what - how an error names the value
 * @throws FlowError `RECORD_TOO_LARGE`: here and not from a statement, which would end the connection
 */
export function jsonText(value: unknown, what: string): string {
  const text = textOf(value, what);
  if (text.length * mostBytesAChar > mostBytes && Buffer.byteLength(text) > mostBytes) throw jsonTooLarge(what);
  return text;
}

function textOf(value: unknown, what: string): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) throw jsonTooLarge(what); // longer than a string can be
    throw error;
  }
}
