import type { StatementSync } from "node:sqlite";
import type { HandlerGate } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import type { SqliteConnection } from "./connection.ts";
import type { SharedFile } from "./shared-file.ts";

/** One store's use of a connection, from its `open` to its `close`. */
export class Session implements HandlerGate {
  readonly #file: SharedFile;
  #connection: SqliteConnection | undefined;
  #closed = false;

  constructor(file: SharedFile) {
    this.#file = file;
  }

  open(): void {
    if (this.#closed) throw unavailable("closed");
    this.#connection ??= this.#file.open();
  }

  close(): void {
    const wasOpen = this.#connection !== undefined && !this.#closed;
    this.#closed = true;
    if (wasOpen) this.#file.release();
  }

  sql(text: string): StatementSync {
    return this.#use().sql(text);
  }

  read<T>(work: () => T): T {
    return this.#use().read(work);
  }

  write<T>(work: () => T): T {
    return this.#use().write(work);
  }

  async settled(): Promise<void> {
    await this.#use().settled();
  }

  /** Also once it is closed, like `leave`: cleanups run still, and other stores may use the connection. */
  enter(): Promise<void> | undefined {
    return this.#connection?.enter();
  }

  leave(): void {
    this.#connection?.leave();
  }

  #use(): SqliteConnection {
    if (this.#connection === undefined || this.#closed) throw unavailable(this.#closed ? "closed" : "not open yet");
    return this.#connection;
  }
}

const unavailable = (state: string): FlowError =>
  new FlowError("STORE_UNAVAILABLE", `this SQLite store is ${state}`, { retryable: true });
