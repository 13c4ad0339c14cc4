import type { Logger } from "../definitions/index.ts";
import { thrownMessage } from "../errors/index.ts";

/** The default of engines: writes warnings and errors to stderr. */
export const stderrLogger: Logger = boundTo({});

function boundTo(bound: object): Logger {
  const write = (level: "warn" | "error") => (fields: object, message?: string) => {
    explain();
    process.stderr.write(`flowkit ${logLine(level, { ...bound, ...fields }, message)}\n`);
  };
  return {
    debug() {},
    info() {},
    warn: write("warn"),
    error: write("error"),
    child: (fields) => boundTo({ ...bound, ...fields }),
  };
}

let isExplained = false;

function explain(): void {
  if (isExplained) return;
  isExplained = true;
  process.stderr.write(
    "flowkit logs warnings and errors to stderr; pass `logger` to log elsewhere, `silentLogger` to log nothing\n",
  );
}

/** An entry as a line of text: the level, the message, the fields, and the message of `err`. */
export function logLine(level: string, fields: object, message: string | undefined): string {
  const { err, ...rest } = fields as { readonly err?: unknown };
  const context = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${textOf(value)}`);
  const cause = err === undefined ? [] : [thrownMessage(err)];
  return [level, ...(message === undefined ? [] : [message]), ...context, ...cause].join(" ");
}

/** Fields may have any type. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch (error) {
    return `[${thrownMessage(error)}]`;
  }
}
