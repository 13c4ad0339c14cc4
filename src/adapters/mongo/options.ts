import { MongoClient, type MongoClientOptions } from "mongodb";
import { FlowError } from "../../errors/index.ts";
import { checkOptionNames } from "../../graph/format/near-name.ts";
import { collectionsOf } from "./database/layout.ts";
import type { SessionOptions } from "./database/session.ts";

/** Where a {@link mongoStore} stores its records, and for how long. */
export interface MongoStoreOptions {
  /** Connection string of the server, `mongodb://...`. Set either this or `client`. */
  readonly url?: string;
  /** Other options of the driver, with `url`: `tls`, `auth`, pool sizes. */
  readonly clientOptions?: MongoClientOptions;
  /** A client of your own. The store does not close it. */
  readonly client?: MongoClient;
  /** Name of the database. @defaultValue the path of `url`, else `"flowkit"` */
  readonly database?: string;
  /** Prefix of the names of all collections. @defaultValue "" */
  readonly prefix?: string;
  /**
   * `true`: `open` creates the collections and indexes that are missing. `false`, for processes that may not create any:
   * `open` rejects a database without them; call `migrate()` once beforehand.
   *
   * @defaultValue true
   */
  readonly migrate?: boolean;
  /** Timeout of one request, including the selection of a server, in ms. @defaultValue 10000 */
  readonly timeoutMs?: number;
  /** Removes ended tasks, with all of their data, after this many seconds. @defaultValue never */
  readonly keepEndedSec?: number;
  /** Removes dead letters after this many seconds. @defaultValue 2592000, which is 30 days */
  readonly keepDeadLettersSec?: number;
}

const knownOptions: Readonly<Record<keyof MongoStoreOptions, true>> = {
  url: true,
  clientOptions: true,
  client: true,
  database: true,
  prefix: true,
  migrate: true,
  timeoutMs: true,
  keepEndedSec: true,
  keepDeadLettersSec: true,
};

const longestMs = 600_000;
const longestSec = 10 * 365 * 86_400;
const monthSec = 30 * 86_400;

export interface CheckedOptions {
  readonly session: SessionOptions;
  /** Whether the collections have the names that external programs use. */
  readonly isShared: boolean;
  readonly keepEndedMs: number | undefined;
  readonly keepDeadLettersMs: number;
}

/** @throws FlowError `ENGINE_OPTIONS` */
export function checkedOptions(options: MongoStoreOptions): CheckedOptions {
  if (options !== undefined) checkOptionNames("mongoStore", options, knownOptions);
  const { prefix = "", migrate = true, timeoutMs = 10_000, keepEndedSec, keepDeadLettersSec = monthSec } = options;
  if (!/^[\w.-]{0,60}$/.test(prefix)) throw wrong("prefix", "at most 60 letters, digits, '_', '.' and '-'");
  if (options.database !== undefined && !/^[\w-]{1,63}$/.test(options.database)) {
    throw wrong("database", "at most 63 letters, digits, '_' and '-'");
  }
  if (typeof migrate !== "boolean") throw wrong("migrate", "true or false");
  checkNumber("timeoutMs", timeoutMs, { min: 1, max: longestMs });
  if (keepEndedSec !== undefined) checkNumber("keepEndedSec", keepEndedSec, { min: 0, max: longestSec });
  checkNumber("keepDeadLettersSec", keepDeadLettersSec, { min: 1, max: longestSec });
  const client = clientOf(options, timeoutMs);
  const isOwned = client !== options.client;
  const database = options.database ?? (isOwned && namesDatabase(options.url) ? undefined : "flowkit");
  return {
    isShared: prefix === "",
    session: {
      collections: collectionsOf(client.db(database), { prefix, timeoutMs }),
      migrate,
      redact: redacting(client),
      disconnect: async () => (isOwned ? client.close() : undefined),
    },
    keepEndedMs: keepEndedSec === undefined ? undefined : keepEndedSec * 1_000,
    keepDeadLettersMs: keepDeadLettersSec * 1_000,
  };
}

/** The user's client, or a new one that the store owns. */
export function clientOf({ url, client, clientOptions }: MongoStoreOptions, timeoutMs: number): MongoClient {
  if ((url === undefined) === (client === undefined)) throw wrong("options", "an object with either url or client");
  if (client !== undefined) return client;
  if (typeof url !== "string") throw wrong("url", "a string");
  try {
    return new MongoClient(url, {
      appName: "flowkit",
      serverSelectionTimeoutMS: timeoutMs,
      connectTimeoutMS: timeoutMs,
      // A server that stopped answering must not delay the close of the client.
      socketTimeoutMS: timeoutMs + 1_000,
      ...clientOptions,
    });
  } catch (error) {
    const text = withoutUrl(error instanceof Error ? error.message : String(error), url);
    throw new FlowError("ENGINE_OPTIONS", `mongoStore: the driver rejected url or clientOptions: ${text}`);
  }
}

/** Redacts an error about a URL that cannot be parsed, so the position of the password is not certain. */
function withoutUrl(text: string, url: string): string {
  const account = /\/\/(.*)@/s.exec(url)?.[1] ?? "";
  const password = account.slice(account.indexOf(":") + 1);
  return [url, account, password, decoded(password)]
    .filter((secret) => secret !== "")
    .reduce((redacted, secret) => redacted.replaceAll(secret, "****"), text);
}

/** The driver reports some parts of a URL decoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // the driver cannot decode it either
  }
}

/** Removes the client's secrets from a text. */
export function redacting({ options }: Pick<MongoClient, "options">): (text: string) => string {
  const { credentials, proxyPassword, passphrase } = options;
  const secrets = [credentials?.password, proxyPassword, passphrase]
    .filter((secret): secret is string => typeof secret === "string" && secret !== "")
    .flatMap((secret) => [secret, encodeURIComponent(secret)]);
  return (text) =>
    secrets
      .reduce((redacted, secret) => redacted.replaceAll(secret, "****"), text)
      .replaceAll(/(mongodb(?:\+srv)?:\/\/)[^/@\s]*@/g, "$1****@");
}

const namesDatabase = (url: string | undefined): boolean => /^mongodb(\+srv)?:\/\/[^/]+\/[^?]+/.test(url ?? "");

function checkNumber(name: string, value: number, { min, max }: { readonly min: number; readonly max: number }): void {
  if (!Number.isInteger(value) || value < min || value > max) throw wrong(name, `an integer from ${min} to ${max}`);
}

/** Omits the value: it may be a URL, with its password, in the wrong place. */
const wrong = (name: string, wanted: string): FlowError =>
  new FlowError("ENGINE_OPTIONS", `mongoStore: ${name} must be ${wanted}`);
