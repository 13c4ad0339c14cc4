import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError, type Pool, type PoolClient } from "pg";
import type { Judged } from "../../../core/store/driver.ts";
import { FlowError, type FlowErrorOptions } from "../../../errors/index.ts";
import { checkLayout, latestLayout, migrate } from "./schema.ts";

/** The server's time in ms; stable within a statement, so that conditions on it follow an index. */
export const now = "floor(extract(epoch FROM statement_timestamp()) * 1000)::float8";

/** A longer text would not fit into a row of PostgreSQL, beside its other columns. */
export const mostBytes = 200_000_000;

/** For statements whose cost grows with a task: its removal, and migrations. */
export const longQuery = { query_timeout: 3_600_000 };

export interface SessionOptions {
  /** What errors name: `store` or `bus`. */
  readonly what: string;
  readonly pool: Pool;
  readonly isOwned: boolean;
  /** As a quoted name. */
  readonly schema: string;
  readonly migrate: boolean;
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string;
}

/** Rows that have a revision, with the server's time of the read. */
export interface Revised {
  readonly rev: number;
  readonly now: number;
}

const longestDelayMs = 64;

/** A use of a database, by a store or a bus, from `open` to `close`. */
export class Session {
  readonly #options: SessionOptions;
  readonly #texts = new Map<string, string>();
  #state: "not open yet" | "open" | "closed" = "not open yet";

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  get schema(): string {
    return this.#options.schema;
  }

  /** @throws FlowError `STORE_UNAVAILABLE`, `STORE_VERSION` */
  async open(): Promise<void> {
    this.connect();
    const { schema } = this.#options;
    const version = await this.#layout();
    checkLayout(version, schema);
    if (version === latestLayout) return;
    if (this.#options.migrate) return this.migrate();
    const why =
      version === 0 ? "has no tables of flowkit" : `has layout ${version}, and this version needs ${latestLayout}`;
    throw new FlowError("STORE_VERSION", `the PostgreSQL schema ${schema} ${why}: call migrate() with a role that may`);
  }

  /** Allows requests, whatever the layout. */
  connect(): void {
    if (this.#state === "closed") this.check();
    this.#state = "open";
  }

  async migrate(): Promise<void> {
    this.connect();
    const client = await this.client();
    try {
      await migrate((text, values) => client.query({ ...longQuery, text, values: values ?? [] }), this.schema);
      client.release();
    } catch (error) {
      client.release(true);
      throw translated(error, this.#options);
    }
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    if (this.#options.isOwned) await this.#options.pool.end();
  }

  check(): void {
    if (this.#state === "open") return;
    throw unavailable(`this PostgreSQL ${this.#options.what} is ${this.#state}`, { retryable: true });
  }

  /** Runs one statement, which is a transaction of its own. `@` in its text stands for the schema. */
  async all<TRow extends object>(text: string, values: readonly unknown[] = [], more = {}): Promise<TRow[]> {
    this.check();
    try {
      const query = { text: this.text(text), values: [...values], ...more };
      return (await this.#options.pool.query<TRow>(query)).rows;
    } catch (error) {
      this.check();
      throw translated(error, this.#options);
    }
  }

  /** The text of a statement, with the schema. */
  text(statement: string): string {
    const text = this.#texts.get(statement) ?? statement.replaceAll("@", `${this.#options.schema}.`);
    this.#texts.set(statement, text);
    return text;
  }

  /** A connection of one's own, to be released. */
  async client(): Promise<PoolClient> {
    return this.#options.pool.connect().catch((error: unknown) => {
      throw translated(error, this.#options);
    });
  }

  async get<TRow extends object>(text: string, values: readonly unknown[] = []): Promise<TRow | undefined> {
    return (await this.all<TRow>(text, values))[0];
  }

  /** Whether the statement returned a row. */
  async has(text: string, values: readonly unknown[] = []): Promise<boolean> {
    return (await this.all(text, values)).length > 0;
  }

  async now(): Promise<number> {
    return (await this.get<{ now: number }>(`SELECT ${now} AS now`))?.now ?? 0;
  }

  /** 0 without tables. */
  async #layout(): Promise<number> {
    try {
      return (await this.get<{ version: number | null }>("SELECT max(version) AS version FROM @layout"))?.version ?? 0;
    } catch (error) {
      if (sqlStateOf(error) === undefinedTable) return 0;
      throw error;
    }
  }
}

/** Reads a row, judges it, and writes if it has not changed since; else starts again. */
export async function compareAndSet<TRow extends object, TNext, TAnswer>(steps: {
  read(): Promise<TRow | undefined>;
  judge(row: TRow | undefined): Judged<TAnswer, TNext>;
  /** Resolves with whether it was written. */
  write(next: TNext, row: TRow): Promise<boolean>;
  /** Where there is none; without it nothing is written then. */
  insert?(next: TNext): Promise<boolean>;
}): Promise<TAnswer> {
  for (let round = 0; ; round++) {
    const row = await steps.read();
    const { answer, next } = steps.judge(row);
    if (next === undefined || (row === undefined && steps.insert === undefined)) return answer;
    if (await (row === undefined ? steps.insert?.(next) : steps.write(next, row))) return answer;
    await sleep(Math.random() * Math.min(longestDelayMs, 2 ** round));
  }
}

/** An ID as text of PostgreSQL, which has no U+0000. */
export const idText = (id: string): string =>
  /[\0\\]/.test(id) ? id.replaceAll("\\", "\\\\").replaceAll("\0", "\\0") : id;

/** The inverse of {@link idText}. */
export const idOf = (text: string): string =>
  text.includes("\\") ? text.replaceAll(/\\([\\0])/g, (_, char) => (char === "0" ? "\0" : "\\")) : text;

const undefinedTable = "42P01";
const tooLarge = new Set(["54000", "54001"]);
/** SQLSTATEs, or their classes, after which the same request may succeed: failovers, restarts, conflicts, timeouts. */
const passing = /^(08|40|53|57P|57014|55P03|25006|58)/;
/** Codes of Node's errors that do not pass: the certificate or the key is wrong. */
const wrongTls = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|ERR_OSSL/;
const noTls = /does not support SSL|SSL negotiation|SASL|client password must be/;

/** A row that this one refers to was removed meanwhile. */
export const foreignKeyViolation = "23503";

/** With which SQLSTATE the server rejected a request. */
export const sqlStateOf = (error: unknown): unknown => (FlowError.is(error) ? error.details.sqlState : undefined);

const unavailable = (message: string, options: FlowErrorOptions & { readonly retryable: boolean }): FlowError =>
  new FlowError("STORE_UNAVAILABLE", message, options);

/** The error that a request rejects with. */
function translated(error: unknown, { redact }: SessionOptions): unknown {
  if (error instanceof FlowError || !(error instanceof Error)) return error;
  const message = redact(messageOf(error));
  const cause = redact(error.stack ?? "") === (error.stack ?? "") ? { cause: error } : {};
  if (error instanceof DatabaseError) {
    const { code: sqlState = "" } = error;
    if (tooLarge.has(sqlState)) return new FlowError("RECORD_TOO_LARGE", `a record is too large: ${message}`, cause);
    const options = { retryable: passing.test(sqlState), details: { sqlState }, ...cause };
    return unavailable(`PostgreSQL request failed: ${message}`, options);
  }
  const isWrong = wrongTls.test("code" in error ? String(error.code) : "") || noTls.test(message);
  return unavailable(`PostgreSQL is unreachable: ${message}`, { retryable: !isWrong, ...cause });
}

/** A host with several addresses fails with one error for each, and an empty message. */
const messageOf = (error: Error): string =>
  error.message === "" && error instanceof AggregateError ? error.errors.map(String).join(", ") : error.message;
