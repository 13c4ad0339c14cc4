import type { Logger } from "../definitions/index.ts";
import type { Terminal } from "./terminal.ts";

/** What the engine and handlers log, beside the result: warnings and errors, and what handlers say by `info`. */
export function terminalLogger(terminal: Terminal, bound: object = {}): Logger {
  const say = (level: "warn" | "error" | "info") => (fields: object, message?: string) => {
    const all = { ...bound, ...fields };
    const { err, ...rest } = all as { err?: unknown };
    const about = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    const cause = err === undefined ? [] : [err instanceof Error ? err.message : String(err)];
    const words = [level, ...(message === undefined ? [] : [message]), ...about, ...cause].join(" ");
    terminal.note(level === "info" ? words : terminal.styled(level === "warn" ? "yellow" : "red", words));
  };
  return {
    debug() {},
    info: say("info"),
    warn: say("warn"),
    error: say("error"),
    child: (fields) => terminalLogger(terminal, { ...bound, ...fields }),
  };
}
