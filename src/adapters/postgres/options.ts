import { Client, Pool, type PoolConfig } from "pg";
import { FlowError } from "../../errors/index.ts";
import type { SessionOptions } from "./database/session.ts";

/** The database of a {@link postgresStore} or a {@link postgresBus}. */
export interface PostgresOptions {
  /** Connection string, `postgres://...`. Set either this or `pool`. */
  readonly url?: string;
  /** Further options of the driver, with `url`: `ssl`, `password`, `max`. */
  readonly poolOptions?: PoolConfig;
  /** An existing pool, which is not closed. */
  readonly pool?: Pool;
  /** The schema of the tables. Stores and buses with the same schema share them. @defaultValue "flowkit" */
  readonly schema?: string;
  /**
   * Whether the first use creates the schema, tables and indexes that are missing. With `false`, for roles that may not
   * create them, a schema without tables is rejected.
   *
   * @defaultValue true
   */
  readonly migrate?: boolean;
  /**
   * Whether statements are prepared, once per connection. Set it to `false` for a connection pooler in transaction mode that
   * does not support prepared statements.
   *
   * @defaultValue true
   */
  readonly prepare?: boolean;
  /** Timeout of a connection attempt and of a request, in ms. Only with `url`. @defaultValue 10000 */
  readonly timeoutMs?: number;
}

/** Where a {@link postgresStore} stores its records, and for how long. */
export interface PostgresStoreOptions extends PostgresOptions {
  /** Removes ended tasks, with all of their data, after this many seconds. @defaultValue never */
  readonly keepEndedSec?: number;
  /** Removes dead letters after this many seconds. @defaultValue 2592000, which is 30 days */
  readonly keepDeadLettersSec?: number;
}

const longestMs = 600_000;
const longestSec = 10 * 365 * 86_400;
const monthSec = 30 * 86_400;

/** Names of the options that stores and buses have. */
export const knownOptions: Readonly<Record<keyof PostgresOptions, true>> = {
  url: true,
  poolOptions: true,
  pool: true,
  schema: true,
  migrate: true,
  prepare: true,
  timeoutMs: true,
};

/** @throws FlowError `ENGINE_OPTIONS` */
export function retentionOf({ keepEndedSec, keepDeadLettersSec = monthSec }: PostgresStoreOptions) {
  if (keepEndedSec !== undefined) checkNumber("store", "keepEndedSec", keepEndedSec, { min: 0, max: longestSec });
  checkNumber("store", "keepDeadLettersSec", keepDeadLettersSec, { min: 1, max: longestSec });
  return {
    keepEndedMs: keepEndedSec === undefined ? undefined : keepEndedSec * 1_000,
    keepDeadLettersMs: keepDeadLettersSec * 1_000,
  };
}

/** @throws FlowError `ENGINE_OPTIONS` */
export function sessionOptions(what: "store" | "bus", options: PostgresOptions): SessionOptions {
  const {
    url,
    pool,
    poolOptions,
    schema = "flowkit",
    migrate = true,
    prepare = true,
    timeoutMs = 10_000,
  } = options ?? {};
  if ((url === undefined) === (pool === undefined)) throw wrong(what, "options", "an object with either url or pool");
  if (typeof schema !== "string" || !/^[A-Za-z_][\w$-]{0,62}$/.test(schema) || schema.startsWith("pg_")) {
    throw wrong(what, "schema", "at most 63 letters, digits, '_', '-' and '$', and not begin with a digit or 'pg_'");
  }
  if (typeof migrate !== "boolean") throw wrong(what, "migrate", "true or false");
  if (typeof prepare !== "boolean") throw wrong(what, "prepare", "true or false");
  checkNumber(what, "timeoutMs", timeoutMs, { min: 1, max: longestMs });
  const common = { what, schema: `"${schema}"`, migrate, prepare };
  if (pool !== undefined) return { ...common, pool, isOwned: false, redact: redacting(pool.options.password) };
  if (typeof url !== "string" || !/^postgres(ql)?:\/\//.test(url)) throw wrong(what, "url", "a postgres:// URL");
  const config: PoolConfig = {
    fallback_application_name: "flowkit",
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    keepAlive: true,
    ...poolOptions,
    connectionString: url,
  };
  const redact = redacting(parsed(what, config).password, url);
  const made = new Pool(config);
  made.on("error", () => {}); // of an idle connection: the next request opens another one
  return { ...common, pool: made, isOwned: true, redact };
}

/** Makes the driver parse its options now, and not when it connects. */
function parsed(what: string, config: PoolConfig): Client {
  try {
    return new Client(config);
  } catch (error) {
    const text = redacting(undefined, config.connectionString)(error instanceof Error ? error.message : String(error));
    throw new FlowError("ENGINE_OPTIONS", `postgres ${what}: the driver rejected url or poolOptions: ${text}`);
  }
}

/** The URL may be malformed, and its password anywhere in it. */
function redacting(password: unknown, url = ""): SessionOptions["redact"] {
  const account = /\/\/(.*)@/s.exec(url)?.[1] ?? "";
  const inUrl = account.slice(account.indexOf(":") + 1);
  const secrets = [url, account.includes(":") ? inUrl : "", typeof password === "string" ? password : ""]
    .filter((secret) => secret !== "")
    .flatMap((secret) => [secret, encodeURIComponent(secret)]);
  return (text) =>
    secrets
      .reduce((redacted, secret) => redacted.replaceAll(secret, "****"), text)
      .replaceAll(/(postgres(?:ql)?:\/\/)[^/@\s]*@/g, "$1****@");
}

interface Range {
  readonly min: number;
  readonly max: number;
}

/** @throws FlowError `ENGINE_OPTIONS` */
export function checkNumber(what: string, name: string, value: number, { min, max }: Range): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw wrong(what, name, `an integer from ${min} to ${max}`);
  }
}

/** Omits the value: it may be a misplaced URL with a password. */
const wrong = (what: string, name: string, wanted: string): FlowError =>
  new FlowError("ENGINE_OPTIONS", `postgres ${what}: ${name} must be ${wanted}`);
