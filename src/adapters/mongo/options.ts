import { MongoClient, type MongoClientOptions } from "mongodb";
import { FlowError } from "../../errors/index.ts";
import type { SessionOptions } from "./driver/session.ts";

/** Where a {@link mongoStore} keeps its records, and for how long. */
export interface MongoStoreOptions {
  /** Of the server, as the driver takes it: `mongodb://...`. Give this or `client`. */
  readonly url?: string;
  /** What the driver shall know besides: `tls`, `auth`, pool sizes. With `url`. */
  readonly clientOptions?: MongoClientOptions;
  /** A client of yours: the store uses it and leaves closing it to you. */
  readonly client?: MongoClient;
  /** Name of the database. @defaultValue the one in the path of `url`, else `"flowkit"` */
  readonly database?: string;
  /** What the names of all collections begin with. @defaultValue "" */
  readonly prefix?: string;
  /**
   * `true`: `open` creates the collections and indexes that are missing. `false`: it refuses a database without them,
   * for processes that may not create any; call `migrate()` once beforehand.
   *
   * @defaultValue true
   */
  readonly migrate?: boolean;
  /** How long one request may take, the search for a server included, in ms. @defaultValue 10000 */
  readonly timeoutMs?: number;
  /** Removes tasks so many seconds after they ended, with all that is theirs. @defaultValue never */
  readonly keepEndedSec?: number;
  /** Removes dead letters after so many seconds. @defaultValue 2592000, which is 30 days */
  readonly keepDeadLettersSec?: number;
}

const longestMs = 600_000;
const longestSec = 10 * 365 * 86_400;
const monthSec = 30 * 86_400;

export interface CheckedOptions {
  readonly session: SessionOptions;
  readonly keepEndedMs: number | undefined;
  readonly keepDeadLettersMs: number;
}

/** @throws FlowError `ENGINE_OPTIONS` */
export function checkedOptions(options: MongoStoreOptions): CheckedOptions {
  const { prefix = "", migrate = true, timeoutMs = 10_000, keepEndedSec, keepDeadLettersSec = monthSec } = options;
  if (!/^[\w.-]{0,60}$/.test(prefix)) throw wrong("prefix", "at most 60 letters, digits, '_', '.' and '-'");
  if (options.database !== undefined && !/^[\w-]{1,63}$/.test(options.database)) {
    throw wrong("database", "at most 63 letters, digits, '_' and '-'");
  }
  if (typeof migrate !== "boolean") throw wrong("migrate", "true or false");
  checkNumber("timeoutMs", timeoutMs, { min: 1, max: longestMs });
  if (keepEndedSec !== undefined) checkNumber("keepEndedSec", keepEndedSec, { min: 0, max: longestSec });
  checkNumber("keepDeadLettersSec", keepDeadLettersSec, { min: 1, max: longestSec });
  const { client, owned, redact } = clientOf(options, timeoutMs);
  return {
    session: {
      client,
      owned,
      redact,
      database: options.database ?? (owned && namesDatabase(options.url) ? undefined : "flowkit"),
      prefix,
      timeoutMs,
      migrate,
    },
    keepEndedMs: keepEndedSec === undefined ? undefined : keepEndedSec * 1_000,
    keepDeadLettersMs: keepDeadLettersSec * 1_000,
  };
}

function clientOf({ url, client, clientOptions }: MongoStoreOptions, timeoutMs: number) {
  if ((url === undefined) === (client === undefined)) throw wrong("options", "an object with either url or client");
  if (client !== undefined) return { client, owned: false, redact: redacting(client) };
  if (typeof url !== "string") throw wrong("url", "a string");
  let own: MongoClient;
  try {
    own = new MongoClient(url, {
      appName: "flowkit",
      serverSelectionTimeoutMS: timeoutMs,
      connectTimeoutMS: timeoutMs,
      // A server that has fallen silent must not hold up the end of a session, as it is closed.
      socketTimeoutMS: timeoutMs + 1_000,
      ...clientOptions,
    });
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new FlowError(
      "ENGINE_OPTIONS",
      `mongoStore: the driver rejected url or clientOptions: ${withoutUrl(words, url)}`,
    );
  }
  return { client: own, owned: true, redact: redacting(own) };
}

/** Words about a URL that can't be parsed, so that nobody knows for sure where in it the password is. */
function withoutUrl(words: string, url: string): string {
  const account = /\/\/(.*)@/s.exec(url)?.[1] ?? "";
  const password = account.slice(account.indexOf(":") + 1);
  return [url, account, password, decoded(password)]
    .filter((secret) => secret !== "")
    .reduce((text, secret) => text.replaceAll(secret, "****"), words);
}

/** As the driver says it. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // then the driver can't decode it either
  }
}

/** Takes what is secret out of a text. */
export function redacting({ options }: Pick<MongoClient, "options">): (text: string) => string {
  const { credentials, proxyPassword, passphrase } = options;
  const secrets = [credentials?.password, proxyPassword, passphrase]
    .filter((secret): secret is string => typeof secret === "string" && secret !== "")
    .flatMap((secret) => [secret, encodeURIComponent(secret)]);
  return (text) =>
    secrets
      .reduce((words, secret) => words.replaceAll(secret, "****"), text)
      .replaceAll(/(mongodb(?:\+srv)?:\/\/)[^/@\s]*@/g, "$1****@");
}

const namesDatabase = (url: string | undefined): boolean => /^mongodb(\+srv)?:\/\/[^/]+\/[^?]+/.test(url ?? "");

function checkNumber(name: string, value: number, { min, max }: { readonly min: number; readonly max: number }): void {
  if (!Number.isInteger(value) || value < min || value > max) throw wrong(name, `an integer from ${min} to ${max}`);
}

/** The value itself isn't said: it may be a URL that somebody put in the wrong place. */
const wrong = (name: string, wanted: string): FlowError =>
  new FlowError("ENGINE_OPTIONS", `mongoStore: ${name} must be ${wanted}`);
