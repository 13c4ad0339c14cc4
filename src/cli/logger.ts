import type { Logger } from "../definitions/index.ts";
import { thrownMessage } from "../errors/index.ts";
import { type LogLevel, levels } from "./json-logger.ts";
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
