import { hash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool, PoolClient, QueryResult } from "pg";
import type { ShardRecord } from "../../../core/model/records.ts";
import { type Judged, RecordCache } from "../../../core/store/driver.ts";
import { ServerTime } from "../../../core/store/server-time.ts";
import { FlowError } from "../../../errors/index.ts";
import { request, type Statement, sqlStateOf, translated, unavailable } from "./request.ts";
import { checkLayout, latestLayout, migrate } from "./schema.ts";

/** The server's time in ms; the same throughout a statement, so that conditions on it can use an index. */
export const now = "floor(extract(epoch FROM statement_timestamp()) * 1000)::float8";

/**
 * The parameter `$n`, hidden from the planner. With a visible value, PostgreSQL would plan the statement each time it runs,
 * since the plan for a list of one element looks cheaper than a generic plan.
 */
export const unplanned = (n: number, type: string): string => `(SELECT $${n}::${type})::${type}`;

/**
 * Joins a subquery that is run once per row, so that it uses an index even if it was planned while the tables were empty. A
 * plan that scans a small table would be kept while the table grows.
 */
export const withEach = (query: string, name: string): string => `CROSS JOIN LATERAL (${query} OFFSET 0) AS ${name}`;

/** The rows of a query that is run for each value `wanted` of the list `$n`. */
export const ofEach = ({ n, type }: { readonly n: number; readonly type: string }, query: string): string =>
  `SELECT found.* FROM unnest(${unplanned(n, type)}) AS list (wanted) ${withEach(query, "found")}`;

/** A longer text may not fit into a row of PostgreSQL together with the other columns. */
export const mostBytes = 200_000_000;

/** For statements whose duration grows with the size of a task: its deletion, and migrations. */
const longQuery = { query_timeout: 3_600_000 };

export interface SessionOptions {
  /** The noun in error messages: `store` or `bus`. */
  readonly what: string;
  readonly pool: Pool;
  readonly isOwned: boolean;
  /** Quoted, as in statements. */
  readonly schema: string;
  readonly migrate: boolean;
  /** Whether statements are prepared, once for each connection. */
  readonly prepare: boolean;
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string;
}

/** A row with a revision, and the server's time when it was read. */
export interface Revised {
  readonly rev: number;
  readonly now: number;
}

/** A shard's row. */
export interface ShardRow extends Revised {
  readonly pk: number;
  readonly record: string;
}

/** The SQLSTATE of a table that does not exist. */
const undefinedTable = "42P01";
const longestDelayMs = 64;
const cachedRows = 2_000;
/** The request that runs on the connection rejects with it. */
const ignored = (): void => {};

/** The access of a store or a bus to its database, from `open` to `close`. */
export class Session {
  readonly #options: SessionOptions;
  /** Shards as this process last wrote them, by key. */
  readonly written = new RecordCache<Pick<ShardRow, "pk" | "rev"> & { readonly record: ShardRecord }>(cachedRows);
  readonly #statements = new Map<string, Statement>();
  /** An idle connection that returns to the pool at the end of this tick, unless another request uses it first. */
  #spare: PoolClient | undefined;
  readonly #serverTime = new ServerTime();
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
    const message = `the PostgreSQL schema ${schema} ${why}: call migrate() with a role that may`;
    throw new FlowError("STORE_VERSION", message, { details: { olderLayout: version } });
  }

  /** Allows requests without a check of the layout. */
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
      throw translated(error, this.#options.redact);
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
  async all<TRow extends object>(text: string, values: readonly unknown[] = []): Promise<TRow[]> {
    this.check();
    try {
      const sentAt = performance.now();
      const rows = await this.#request(this.#statement(text), values);
      const time = rows[0]?.now;
      if (typeof time === "number") this.#serverTime.learn(time, sentAt);
      return rows as TRow[];
    } catch (error) {
      this.check();
      throw translated(error, this.#options.redact);
    }
  }

  async #request(statement: Statement, values: readonly unknown[]) {
    const spare = this.#spare;
    this.#spare = undefined; // not after the wait: it may be another one by then
    const client = spare ?? (await this.#options.pool.connect()).on("error", ignored);
    try {
      const rows = await request(client, statement, values);
      this.#spare ??= this.#options.pool.waitingCount > 0 ? undefined : client;
      if (this.#spare === client) process.nextTick(() => this.#returnSpare());
      else client.off("error", ignored).release();
      return rows;
    } catch (error) {
      client.off("error", ignored).release(true);
      throw error;
    }
  }

  #returnSpare(): void {
    this.#spare?.off("error", ignored).release();
    this.#spare = undefined;
  }

  /** The text of a statement, with the schema. */
  text(statement: string): string {
    return this.#statement(statement).text;
  }

  /** The server's time, or slightly later; `undefined` if no statement has returned it for a while. */
  get time(): number | undefined {
    return this.#serverTime.now;
  }

  #statement(raw: string) {
    const known = this.#statements.get(raw);
    if (known !== undefined) return known;
    const { schema, prepare } = this.#options;
    const text = raw.replaceAll("@", `${schema}.`);
    const statement = prepare ? { text, name: `flowkit_${hash("sha1", text, "hex")}` } : { text };
    this.#statements.set(raw, statement);
    return statement;
  }

  /** A dedicated connection, which the caller releases. */
  async client(): Promise<PoolClient> {
    return this.#options.pool.connect().catch((error: unknown) => {
      throw translated(error, this.#options.redact);
    });
  }

  /** Runs statements as one transaction, for those that must each see what other transactions committed before. */
  async transaction<T>(
    run: (statement: (text: string, values: readonly unknown[]) => Promise<QueryResult>) => Promise<T>,
  ): Promise<T> {
    this.check();
    const client = await this.client();
    try {
      await client.query("BEGIN ISOLATION LEVEL READ COMMITTED");
      const answer = await run((text, values) =>
        client.query({ ...this.#statement(text), ...longQuery, values: [...values] }),
      );
      await client.query("COMMIT");
      client.release();
      return answer;
    } catch (error) {
      client.release(true); // the server rolls back
      this.check();
      throw translated(error, this.#options.redact);
    }
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

  /** The version of the layout; 0 if there are no tables. */
  async #layout(): Promise<number> {
    try {
      return (await this.get<{ version: number | null }>("SELECT max(version) AS version FROM @layout"))?.version ?? 0;
    } catch (error) {
      if (sqlStateOf(error) === undefinedTable) return 0;
      throw error;
    }
  }
}

/** Reads a row, decides what to write, and writes it unless the row has changed since; if it has, starts again. */
export async function compareAndSet<TRow extends object, TNext, TAnswer>(steps: {
  /** The row as last seen, which saves the first read. Only used to write: an answer without a write requires a fresh read. */
  readonly known?: TRow | undefined;
  read(): Promise<TRow | undefined>;
  judge(row: TRow | undefined): Judged<TAnswer, TNext>;
  /** Resolves with false if the row has changed. */
  write(next: TNext, row: TRow): Promise<boolean>;
  /** Inserts the row if there is none. Without this function, nothing is inserted. */
  insert?(next: TNext): Promise<boolean>;
}): Promise<TAnswer> {
  const { known } = steps;
  for (let round = known === undefined ? 0 : -1; ; round++) {
    const row = round < 0 ? known : await steps.read();
    const { answer, next } = steps.judge(row);
    if (next === undefined && round < 0) continue;
    if (next === undefined || (row === undefined && steps.insert === undefined)) return answer;
    if (await (row === undefined ? steps.insert?.(next) : steps.write(next, row))) return answer;
    if (round >= 0) await sleep(Math.random() * Math.min(longestDelayMs, 2 ** round));
  }
}

/** An id as `text` of PostgreSQL, which cannot contain U+0000. */
export const idText = (id: string): string =>
  /[\0\\]/.test(id) ? id.replaceAll("\\", "\\\\").replaceAll("\0", "\\0") : id;

/** The inverse of {@link idText}. */
export const idOf = (text: string): string =>
  text.includes("\\") ? text.replaceAll(/\\([\\0])/g, (_, char) => (char === "0" ? "\0" : "\\")) : text;
