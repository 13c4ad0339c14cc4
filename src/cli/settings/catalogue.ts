/** How words of a command line, or of the environment, become a value. */
export type Reading = "text" | "number" | "boolean" | "list" | "counts" | "file" | "files";

/** One setting: the names that it goes by, and what it is for. */
export interface Setting {
  /** Its place in a config file. */
  readonly path: string;
  /** The variables of the environment that give it; of several the first one that is set. */
  readonly env: readonly string[];
  /** The option of a command, as `--help` shows it. */
  readonly flag?: string;
  readonly reading: Reading;
  readonly words: string;
  /** Never printed. `"url"`: in parts. */
  readonly secret?: true | "url";
  /** Who needs it, where not both do. */
  readonly of?: PartName;
}

export type PartName = "coordinator" | "worker";

const setting = (
  path: string,
  env: string | readonly string[],
  reading: Reading,
  words: string,
  more: Pick<Setting, "flag" | "secret" | "of"> = {},
): Setting => ({ path, env: typeof env === "string" ? [env] : env, reading, words, ...more });

/** In the order in which people are told of them. */
export const catalogue: readonly Setting[] = [
  setting("handlers", "FLOWKIT_HANDLERS", "files", "files that export handlers or flows; may be repeated", {
    flag: "--handlers <file>",
  }),
  setting("types", "FLOWKIT_TYPES", "list", "node types that workers have, where --handlers doesn't tell them", {
    flag: "--types <names>",
    of: "coordinator",
  }),
  setting("externalTypes", "FLOWKIT_FOREIGN_TYPES", "list", "those of them whose workers are other programs", {
    of: "coordinator",
  }),
  setting("roles", "FLOWKIT_ROLES", "list", "run only these of the handlers", {
    flag: "--roles <names>",
    of: "worker",
  }),
  setting("store", "FLOWKIT_STORE", "file", "the SQLite file that keeps runs", { flag: "--store <file>" }),
  setting("mongo.url", ["FLOWKIT_MONGO_URL", "MONGODB_URL"], "text", "the MongoDB database that keeps runs", {
    flag: "--mongo <url>",
    secret: "url",
  }),
  setting("mongo.database", "MONGODB_DATABASE", "text", "its name, when the URL doesn't have it", {
    flag: "--mongo-database <name>",
  }),
  setting("mongo.prefix", "MONGODB_PREFIX", "text", "what the names of all collections begin with", {
    flag: "--mongo-prefix <text>",
  }),
  setting("mongo.username", "MONGODB_USERNAME", "text", "to log in with, when the URL doesn't have it"),
  setting("mongo.password", "MONGODB_PASSWORD", "text", "likewise", { secret: true }),
  setting("mongo.tls", "MONGODB_TLS", "boolean", "TLS to MongoDB"),
  setting("mongo.tlsCAFile", "MONGODB_TLS_CA_FILE", "file", "PEM file of the authorities to trust"),
  setting("mongo.tlsCertificateKeyFile", "MONGODB_TLS_CERTIFICATE_KEY_FILE", "file", "PEM file of certificate and key"),
  setting("mongo.tlsCertificateKeyFilePassword", "MONGODB_TLS_CERTIFICATE_KEY_FILE_PASSWORD", "text", "of that key", {
    secret: true,
  }),
  setting("mongo.migrate", "MONGODB_MIGRATE", "boolean", "create what is missing in the database (default: true)"),
  setting("mongo.timeoutMs", "MONGODB_TIMEOUT_MS", "number", "how long a request may take (default: 10000)"),
  setting("mongo.keepEndedSec", "MONGODB_KEEP_ENDED_SEC", "number", "remove tasks so long after their end"),
  setting("mongo.keepDeadLettersSec", "MONGODB_KEEP_DEAD_LETTERS_SEC", "number", "the same of dead letters"),
  setting("kafka.brokers", "KAFKA_BROKERS", "list", "host:port of Kafka brokers; without any, all look in the store", {
    flag: "--kafka-brokers <list>",
  }),
  setting("kafka.prefix", "KAFKA_PREFIX", "text", "what the names of topics and groups begin with", {
    flag: "--kafka-prefix <text>",
  }),
  setting("kafka.groupPrefix", "KAFKA_GROUP_PREFIX", "text", "the same of groups, if it is another"),
  setting("kafka.clientId", "KAFKA_CLIENT_ID", "text", "what brokers call this process"),
  setting("kafka.connectTimeoutMs", "KAFKA_CONNECT_TIMEOUT_MS", "number", "how long a start waits (default: 30000)"),
  setting("kafka.partitions", "KAFKA_PARTITIONS", "number", "of topics that are created (default: 6)"),
  setting("kafka.replicationFactor", "KAFKA_REPLICATION_FACTOR", "number", "of topics that are created"),
  setting("kafka.tls", "KAFKA_TLS", "boolean", "TLS to Kafka; the files below imply it"),
  setting("kafka.tlsCAFile", "KAFKA_TLS_CA_FILE", "file", "PEM file of the authorities to trust"),
  setting("kafka.tlsCertFile", "KAFKA_TLS_CERT_FILE", "file", "PEM file of a certificate of its own"),
  setting("kafka.tlsKeyFile", "KAFKA_TLS_KEY_FILE", "file", "PEM file of its key"),
  setting("kafka.tlsKeyPassword", "KAFKA_TLS_KEY_PASSWORD", "text", "of that key", { secret: true }),
  setting("kafka.saslMechanism", "KAFKA_SASL_MECHANISM", "text", "plain, scram-sha-256 or scram-sha-512"),
  setting("kafka.saslUsername", "KAFKA_SASL_USERNAME", "text", "to log in with"),
  setting("kafka.saslPassword", "KAFKA_SASL_PASSWORD", "text", "likewise", { secret: true }),
  setting("capacity", "FLOWKIT_CAPACITY", "number", "attempts at once (default: 8)", {
    flag: "--capacity <count>",
    of: "worker",
  }),
  setting("capacityPerType", "FLOWKIT_CAPACITY_PER_TYPE", "counts", "of some types fewer: render=2,mail=1", {
    of: "worker",
  }),
  setting("maxRunning", "FLOWKIT_MAX_RUNNING", "number", "nodes that run at once, over all processes"),
  setting("maxRunningPerType", "FLOWKIT_MAX_RUNNING_PER_TYPE", "counts", "the same, of a type: render=2,mail=1"),
  setting("maxRunningPerTask", "FLOWKIT_MAX_RUNNING_PER_TASK", "number", "the same, of a task"),
  setting("leaseMs", "FLOWKIT_LEASE_MS", "number", "how long a claim lives without a renewal (default: 30000)"),
  setting("pageSize", "FLOWKIT_PAGE_SIZE", "number", "artifacts that are read at once (default: 256)"),
  setting("tickMs", "FLOWKIT_TICK_MS", "number", "how often leases that ran out are looked for", { of: "coordinator" }),
  setting("sweepMs", "FLOWKIT_SWEEP_MS", "number", "how often each task is planned again as a whole", {
    of: "coordinator",
  }),
  setting(
    "maxLostLeases",
    "FLOWKIT_MAX_LOST_LEASES",
    "number",
    "leases a node may lose without progress (default: 5)",
    {
      of: "coordinator",
    },
  ),
  setting(
    "cancelGraceMs",
    "FLOWKIT_CANCEL_GRACE_MS",
    "number",
    "how long a cancelled attempt may take (default: 30000)",
    { of: "coordinator" },
  ),
  setting(
    "graceSec",
    "FLOWKIT_GRACE_SEC",
    "number",
    "how long running batches may take to end at SIGTERM (default: 10)",
    {
      flag: "--grace <seconds>",
    },
  ),
  setting("http.port", "FLOWKIT_HTTP_PORT", "number", "serve /ready, /health and /metrics there; 0: on a free port", {
    flag: "--http-port <port>",
  }),
  setting("http.host", "FLOWKIT_HTTP_HOST", "text", "at this address only (default: at all)", {
    flag: "--http-host <address>",
  }),
  setting("log.format", "FLOWKIT_LOG_FORMAT", "text", "text, or json: an object a line (default: text)", {
    flag: "--log-format <format>",
  }),
  setting("log.level", "FLOWKIT_LOG_LEVEL", "text", "debug, info, warn or error (default: info)", {
    flag: "--log-level <level>",
  }),
];

export const settingAt = (path: string): Setting | undefined => catalogue.find((each) => each.path === path);
