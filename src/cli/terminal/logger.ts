import { stripVTControlCharacters } from "node:util";
import type { Logger } from "../../definitions/index.ts";
import { hasProperty, isInstance, loggable, propertyOf, thrownMessage } from "../../errors/index.ts";
import type { Terminal } from "./terminal.ts";

const colours = { warn: "yellow", error: "red" } as const;

/** What the engine and handlers log, as lines of words beside the result. */
export function terminalLogger(terminal: Terminal, least: LogLevel = "info", bound: object = {}): Logger {
  const say = (level: LogLevel) => (fields: object, message?: string) => {
    if (levels.indexOf(level) < levels.indexOf(least)) return;
    const all = { ...bound, ...fields };
    const { err, ...rest } = all as { err?: unknown };
    const about = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    const cause = err === undefined ? [] : [thrownMessage(err)];
    const words = [level, ...(message === undefined ? [] : [message]), ...about, ...cause].join(" ");
    terminal.note(level === "warn" || level === "error" ? terminal.styled(colours[level], words) : words);
  };
  return {
    debug: say("debug"),
    info: say("info"),
    warn: say("warn"),
    error: say("error"),
    child: (fields) => terminalLogger(terminal, least, { ...bound, ...fields }),
  };
}

export const levels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof levels)[number];

/** A line of JSON for each thing that is logged: `time`, `level`, `msg`, then the fields. */
export function jsonLogger(terminal: Terminal, least: LogLevel, bound: object = {}): Logger {
  const say = (level: LogLevel) => (fields: object, msg?: string) => {
    if (levels.indexOf(level) < levels.indexOf(least)) return;
    const time = new Date().toISOString();
    terminal.log(`${lineOf({ time, level, msg }, { ...bound, ...fields })}\n`);
  };
  return {
    debug: say("debug"),
    info: say("info"),
    warn: say("warn"),
    error: say("error"),
    child: (fields) => jsonLogger(terminal, least, { ...bound, ...fields }),
  };
}

/** What a handler logs may not be readable; that it logged is. */
function lineOf(head: object, fields: object): string {
  try {
    return JSON.stringify({ ...head, ...fields }, plain());
  } catch (error) {
    return JSON.stringify({ ...head, unreadable: thrownMessage(error) });
  }
}

/** Errors as what they say; what has no form in JSON as words. */
function plain(): (this: unknown, key: string, value: unknown) => unknown {
  const seen = new WeakSet<object>();
  return (_key, value) => {
    if (typeof value === "bigint" || typeof value === "symbol" || typeof value === "function") return String(value);
    if (typeof value !== "object" || value === null) return value;
    if (seen.has(value)) return "[seen above]";
    seen.add(value);
    if (!isInstance(value, Error)) return value;
    const { name, message, stack, cause } = loggable(value);
    const code = hasProperty(value, "code") ? { code: propertyOf(value, "code") } : {};
    return { name, ...code, message, stack, ...(cause === undefined ? {} : { cause }) };
  };
}

/** From now on all that is said beside the result becomes such lines too, also what handlers print. */
export function notesAsJson(terminal: Terminal): Disposable {
  const logger = jsonLogger(terminal, "info");
  return terminal.divertNotes((text) => logger.info({}, stripVTControlCharacters(text).trimEnd()));
}
