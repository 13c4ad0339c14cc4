import type { ConnectionOptions } from "node:tls";
import type { MongoStoreOptions } from "../../adapters/mongo/index.ts";
import { sqliteStore } from "../../adapters/sqlite/index.ts";
import type { Bus, Store } from "../../core/ports/index.ts";
import type { Logger } from "../../definitions/index.ts";
import { definedOf } from "../../engine/options.ts";
import { readText } from "../loading/find-file.ts";
import { CliError, needPackage } from "../terminal/cli-error.ts";
import type { ReadSettings } from "./read-settings.ts";
import { type Origin, ranks, type Settings } from "./schema.ts";

/** A store, and what it is called in words: never a URL, which may hold a password. */
export interface NamedStore {
  readonly store: Store;
  readonly name: string;
  /** Where it is, when it is a file. */
  readonly file?: string;
}

/**
 * The store that was named: of a file and a database the one that was told nearer by. `undefined`: none was.
 *
 * @throws CliError `CLI_CONFIG`, `CLI_IMPORT_FAILED` without the driver
 */
export async function openStore({ settings, origins }: ReadSettings): Promise<NamedStore | undefined> {
  const file = origins.get("store");
  const url = origins.get("mongo.url");
  const distance = rankOf(file) - rankOf(url);
  if (file !== undefined && url !== undefined && distance === 0) {
    throw new CliError("CLI_CONFIG", `a SQLite file and a MongoDB database are named (${file.place}, ${url.place})`, {
      hint: "Runs are kept in one store: take one of them away.",
    });
  }
  const { store, mongo } = settings;
  if (store !== undefined && distance > 0) return { store: sqliteStore(store), name: store, file: store };
  if (mongo?.url === undefined) return undefined;
  const { mongoStore } = await needPackage("mongodb", () => import("../../adapters/mongo/index.ts"));
  return { store: mongoStore(mongoOptions({ ...mongo, url: mongo.url })), name: "MongoDB" };
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

/**
 * The Kafka bus that was named, if one was.
 *
 * @throws CliError `CLI_CONFIG`, `CLI_FILE_NOT_FOUND`, `CLI_IMPORT_FAILED` without the driver
 */
export async function openBus({ settings: { kafka = {} } }: ReadSettings, logger: Logger): Promise<Bus | undefined> {
  const { brokers, prefix, groupPrefix, clientId, connectTimeoutMs, partitions, replicationFactor } = kafka;
  if (brokers === undefined) return undefined;
  const { kafkaBus } = await needPackage("kafkajs", () => import("../../adapters/kafka/index.ts"));
  const ssl = tlsOf(kafka);
  const sasl = saslOf(kafka);
  return kafkaBus({
    brokers,
    logger,
    ...definedOf({ prefix, groupPrefix, clientId, connectTimeoutMs, ssl, sasl }),
    topics: definedOf({ partitions, replicationFactor }),
  });
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
  throw new CliError("CLI_CONFIG", `a login to Kafka needs ${missing.map(([path]) => path).join(" and ")} too`);
}
