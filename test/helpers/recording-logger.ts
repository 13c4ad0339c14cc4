import type { Logger } from "../../src/definitions/index.ts";

export interface LoggedLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: object;
  readonly message: string | undefined;
}

const ofTasks = /^a (task failed|node failed after)/;

export class RecordingLogger implements Logger {
  readonly lines: LoggedLine[] = [];

  /** Errors and warnings in printable form. */
  get problems(): readonly { readonly level: string; readonly message: string | undefined; readonly error: string }[] {
    return this.lines
      .filter(({ level }) => level === "error" || level === "warn")
      .map(({ level, message, fields }) => ({ level, message, error: String((fields as { err?: unknown }).err) }));
  }

  /** Errors of the engine, as opposed to failures of tasks and of their nodes. */
  get engineErrors(): readonly LoggedLine[] {
    return this.lines.filter(({ level, message = "" }) => level === "error" && !ofTasks.test(message));
  }

  debug = (fields: object, message?: string): void => this.#add("debug", fields, message);
  info = (fields: object, message?: string): void => this.#add("info", fields, message);
  warn = (fields: object, message?: string): void => this.#add("warn", fields, message);
  error = (fields: object, message?: string): void => this.#add("error", fields, message);
  child = (): Logger => this;

  #add(level: LoggedLine["level"], fields: object, message: string | undefined): void {
    this.lines.push({ level, fields, message });
  }
}
