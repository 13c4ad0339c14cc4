import { stripVTControlCharacters } from "node:util";
import { type LogLevel, logLevels } from "../../core/model/task-log.ts";
import type { Logger } from "../../definitions/index.ts";
import { logLine } from "../../engine/stderr-logger.ts";
import { jsonReplacer, thrownMessage } from "../../errors/index.ts";
import type { Terminal } from "./terminal.ts";

const colours = { warn: "yellow", error: "red" } as const;

export interface TextLogOptions {
  /** @defaultValue "info" */
  readonly least?: LogLevel;
  /** Starts each line with the time. @defaultValue false */
  readonly timed?: boolean;
}

/** Writes log entries of the engine and of handlers to stderr as text lines. */
export function terminalLogger(terminal: Terminal, options: TextLogOptions = {}, bound: object = {}): Logger {
  const { least = "info", timed = false } = options;
  const logAt = (level: LogLevel) => (fields: object, message?: string) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(least)) return;
    const line = logLine(level, { ...bound, ...fields }, message);
    const time = timed ? `${new Date().toISOString()} ` : "";
    terminal.note(`${time}${level === "warn" || level === "error" ? terminal.styled(colours[level], line) : line}`);
  };
  return {
    debug: logAt("debug"),
    info: logAt("info"),
    warn: logAt("warn"),
    error: logAt("error"),
    child: (fields) => terminalLogger(terminal, options, { ...bound, ...fields }),
  };
}

/** For a command that shows the progress of its task itself: logs only lines about other things. */
export function withoutTasks(logger: Logger): Logger {
  const unless = (level: "info" | "warn" | "error") => (fields: object, message?: string) => {
    if (!("flow" in fields)) logger[level](fields, message);
  };
  return { ...logger, info: unless("info"), warn: unless("warn"), error: unless("error") };
}

/** Writes log entries to stderr as lines of JSON: `time`, `level`, `msg`, then the fields. */
export function jsonLogger(terminal: Terminal, least: LogLevel, bound: object = {}): Logger {
  const logAt = (level: LogLevel) => (fields: object, msg?: string) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(least)) return;
    const time = new Date().toISOString();
    terminal.log(`${lineOf({ time, level, msg }, { ...bound, ...fields })}\n`);
  };
  return {
    debug: logAt("debug"),
    info: logAt("info"),
    warn: logAt("warn"),
    error: logAt("error"),
    child: (fields) => jsonLogger(terminal, least, { ...bound, ...fields }),
  };
}

/** Fields that cannot be serialized, such as throwing getters, must not lose the entry itself. */
function lineOf(head: object, fields: object): string {
  try {
    return JSON.stringify({ ...head, ...fields }, jsonReplacer());
  } catch (error) {
    return JSON.stringify({ ...head, unreadable: thrownMessage(error) });
  }
}

/** Turns notes and `console` output into log entries, until disposed. */
export function notesAsJson(terminal: Terminal): Disposable {
  const logger = jsonLogger(terminal, "info");
  return terminal.divertNotes((text) => logger.info({}, stripVTControlCharacters(text).trimEnd()));
}
