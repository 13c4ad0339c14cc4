import type { ConnectionOptions } from "node:tls";
import type { KafkaBusOptions } from "../../adapters/kafka/index.ts";
import type { TopicReport } from "../../adapters/kafka/topic-report.ts";
import type { MongoStoreOptions } from "../../adapters/mongo/index.ts";
import type { PostgresStoreOptions } from "../../adapters/postgres/index.ts";
import { sqliteStore } from "../../adapters/sqlite/index.ts";
import { sqliteSnapshot } from "../../adapters/sqlite/sqlite-store.ts";
import type { LogLevel } from "../../core/model/task-log.ts";
import type { Bus, Store } from "../../core/ports/index.ts";
import type { Logger } from "../../definitions/index.ts";
import { definedOf } from "../../engine/options.ts";
import { readText } from "../loading/find-file.ts";
import { CliError, requirePackage } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { type ReadSettings, readSettings } from "./read-settings.ts";
import { isPostgresUrl, type Origin, ranks, type Settings } from "./schema.ts";

/** A store and its display name: never a URL, which may contain a password. */
export interface NamedStore {
  readonly store: Store;
  readonly name: string;
  /** The path of a SQLite file. */
  readonly file?: string;
}

/**
 * Opens the configured store. Of a MongoDB database and another store, the one from the source with the higher precedence
 * wins. `undefined`: none is configured.
 *
 * @param mustNotChange - does not change a SQLite file
 * @throws CliError `CLI_CONFIG`, `CLI_IMPORT_FAILED` without the driver
 */
export async function openStore(read: ReadSettings, mustNotChange = false): Promise<NamedStore | undefined> {
  const place = placeOf(read);
  if (place !== undefined && !isPostgresUrl(place)) {
    return { store: mustNotChange ? sqliteSnapshot(place) : sqliteStore(place), name: place, file: place };
  }
  if (place !== undefined) {
    const { postgresStore } = await importPostgres();
    return { store: postgresStore(postgresOptions(read, place)), name: databaseName("PostgreSQL", { url: place }) };
  }
  const { mongo } = read.settings;
  if (mongo?.url === undefined) return undefined;
  const { mongoStore } = await requirePackage("mongodb", () => import("../../adapters/mongo/index.ts"));
  const { url, database } = mongo;
  return { store: mongoStore(mongoOptions({ ...mongo, url })), name: databaseName("MongoDB", { url, database }) };
}

const databaseUrl = /^[\w+]+:\/\/(?:[^/@]*@)?([^/?#@]*)(?:\/([^?#@]*))?(?:\?[^@]*)?$/;
const host = /^(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?$/;

/** "PostgreSQL (shop at db.example:5432)": as much as is certain to be neither a user nor a password. */
export function databaseName(
  kind: string,
  { url, database }: { readonly url: string; readonly database?: string | undefined },
): string {
  const [, hosts = "", path = ""] = databaseUrl.exec(url) ?? [];
  const isSafe = hosts === "" || hosts.split(",").every((each) => host.test(each));
  const name = database ?? (isSafe ? path : "");
  const parts = [...(name === "" ? [] : [name]), ...(hosts === "" || !isSafe ? [] : [`at ${hosts}`])];
  return parts.length === 0 ? kind : `${kind} (${parts.join(" ")})`;
}

/**
 * The setting `store`, unless a MongoDB database has precedence.
 *
 * @throws CliError `CLI_CONFIG`
 */
function placeOf({ settings, origins }: ReadSettings): string | undefined {
  const file = origins.get("store");
  const url = origins.get("mongo.url");
  const precedence = rankOf(file) - rankOf(url);
  if (file !== undefined && url !== undefined && precedence === 0) {
    throw new CliError(
      "CLI_CONFIG",
      `two stores are configured: a ${isPostgresUrl(settings.store ?? "") ? "PostgreSQL database" : "SQLite file"} (${file.place}) and a MongoDB database (${url.place})`,
      {
        hint: "Remove one of them.",
      },
    );
  }
  return precedence > 0 ? settings.store : undefined;
}

const importPostgres = () => requirePackage("pg", () => import("../../adapters/postgres/index.ts"));

/** The driver reads other options from the environment: `PGPASSWORD`, `PGSSLMODE`. */
function postgresOptions({ settings: { postgres = {} } }: ReadSettings, url: string): PostgresStoreOptions {
  const { poolSize: max, ...own } = postgres;
  return { url, ...definedOf(own), poolOptions: definedOf({ max }) };
}

const rankOf = (origin: Origin | undefined): number => (origin === undefined ? -1 : ranks.indexOf(origin.rank));

function mongoOptions(mongo: NonNullable<Settings["mongo"]> & { readonly url: string }): MongoStoreOptions {
  const { url, username, password, tls, tlsCAFile, tlsCertificateKeyFile, tlsCertificateKeyFilePassword, ...own } =
    mongo;
  const auth = username === undefined ? undefined : { username, ...definedOf({ password }) };
  return {
    url,
    ...definedOf(own),
    clientOptions: definedOf({ auth, tls, tlsCAFile, tlsCertificateKeyFile, tlsCertificateKeyFilePassword }),
  };
}

export interface StoreOptions {
  /** A SQLite file, or the URL of a PostgreSQL database. */
  readonly store?: string | undefined;
  /** The URL of a MongoDB database. */
  readonly mongo?: string | undefined;
  /** A config file. */
  readonly config?: string | undefined;
}

const flagsOf = ({ store, mongo }: StoreOptions) => ({
  ...(store === undefined ? {} : { store }),
  ...(mongo === undefined ? {} : { "mongo.url": mongo }),
});

/**
 * Reads which store `flowkit run` uses. `MONGODB_URL` alone does not request one, because the flow itself may use it.
 *
 * @throws CliError `CLI_CONFIG`
 */
export const settingsOfRun = (terminal: Terminal, options: StoreOptions): ReadSettings =>
  readSettings(terminal, { flags: flagsOf(options), env: envLike(/^FLOWKIT_(MONGO_URL$|POSTGRES_)/) });

/**
 * The same for `flowkit dev`, which also has a studio.
 *
 * @throws CliError `CLI_CONFIG`
 */
export function settingsOfDev(terminal: Terminal, options: StoreOptions & { readonly port?: string }): ReadSettings {
  const flags = { ...flagsOf(options), ...(options.port === undefined ? {} : { "studio.port": options.port }) };
  return readSettings(terminal, { flags, env: envLike(/^FLOWKIT_(MONGO_URL$|POSTGRES_|STUDIO_)/) });
}

const envLike = (names: RegExp): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => names.test(name)));

/**
 * Reads the settings of commands that access a store; they are the same as for a coordinator.
 *
 * @throws CliError `CLI_CONFIG`
 */
export const storeSettings = (terminal: Terminal, options: StoreOptions): ReadSettings =>
  readSettings(terminal, { flags: flagsOf(options), config: options.config });

/** The engine's option of the same name. */
export const keptLogs = ({ settings: { keepLogs } }: ReadSettings): LogLevel | false | undefined =>
  keepLogs === "none" ? false : keepLogs;

/**
 * Opens the store that a command requires.
 *
 * @throws CliError `CLI_USAGE`, `CLI_CONFIG`, `CLI_IMPORT_FAILED` without the driver
 */
export async function requireStore(read: ReadSettings, mustNotChange = false): Promise<NamedStore> {
  const named = await openStore(read, mustNotChange);
  if (named !== undefined) return named;
  throw new CliError("CLI_USAGE", "missing store", {
    hint: "Pass --store FILE, --store postgres://... or --mongo URL.",
  });
}

/**
 * Opens the configured Kafka bus, otherwise the bus of the store; `undefined` if there is neither.
 *
 * @throws CliError `CLI_CONFIG`, `CLI_FILE_NOT_FOUND`, `CLI_IMPORT_FAILED` without the driver
 */
export async function openBus(read: ReadSettings, logger: Logger): Promise<Bus | undefined> {
  const options = busOptions(read, logger);
  if (options === undefined) return openStoreBus(read);
  const { kafkaBus } = await requirePackage("kafkajs", () => import("../../adapters/kafka/index.ts"));
  return kafkaBus(options);
}

/**
 * Opens the bus in the database of the store. `undefined`: a store of this kind has none.
 *
 * @throws CliError `CLI_CONFIG`, `CLI_IMPORT_FAILED` without the driver
 */
export async function openStoreBus(read: ReadSettings): Promise<Bus | undefined> {
  const place = placeOf(read);
  if (place === undefined || !isPostgresUrl(place)) return undefined;
  const { postgresBus } = await importPostgres();
  const { keepEndedSec: _, keepDeadLettersSec: __, poolOptions: ___, ...options } = postgresOptions(read, place);
  return postgresBus(options);
}

/**
 * The topics of the configured Kafka bus; creates none. `undefined`: none is configured.
 *
 * @throws CliError `CLI_CONFIG`, `CLI_FILE_NOT_FOUND`, `CLI_IMPORT_FAILED` without the driver
 * @throws FlowError `BUS_UNAVAILABLE`
 */
export async function readTopics(read: ReadSettings, logger: Logger): Promise<readonly TopicReport[] | undefined> {
  const options = busOptions(read, logger);
  if (options === undefined) return undefined;
  const { reportTopics } = await requirePackage("kafkajs", () => import("../../adapters/kafka/topic-report.ts"));
  return reportTopics(options);
}

function busOptions({ settings: { kafka = {} } }: ReadSettings, logger: Logger): KafkaBusOptions | undefined {
  const { brokers, prefix, groupPrefix, clientId, connectTimeoutMs, partitions, replicationFactor } = kafka;
  if (brokers === undefined) return undefined;
  const ssl = tlsOf(kafka);
  const sasl = saslOf(kafka);
  return {
    brokers,
    logger,
    ...definedOf({ prefix, groupPrefix, clientId, connectTimeoutMs, ssl, sasl }),
    topics: definedOf({ partitions, replicationFactor }),
  };
}

type KafkaSettings = NonNullable<Settings["kafka"]>;

function tlsOf({ tls, tlsCAFile, tlsCertFile, tlsKeyFile, tlsKeyPassword }: KafkaSettings) {
  const files = definedOf({ ca: tlsCAFile, cert: tlsCertFile, key: tlsKeyFile });
  const contents = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, readText(file)]));
  const options: ConnectionOptions = { ...contents, ...definedOf({ passphrase: tlsKeyPassword }) };
  if (Object.keys(options).length === 0) return tls;
  return tls === false ? false : options;
}

function saslOf({ saslMechanism: mechanism, saslUsername: username, saslPassword: password }: KafkaSettings) {
  const given = { "kafka.saslMechanism": mechanism, "kafka.saslUsername": username, "kafka.saslPassword": password };
  if (mechanism !== undefined && username !== undefined && password !== undefined) {
    return { mechanism, username, password };
  }
  const missing = Object.entries(given).filter(([, value]) => value === undefined);
  if (missing.length === Object.keys(given).length) return undefined;
  throw new CliError("CLI_CONFIG", `incomplete Kafka credentials: set ${missing.map(([path]) => path).join(" and ")}`);
}
