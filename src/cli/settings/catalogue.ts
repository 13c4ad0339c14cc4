/** How text from the command line or the environment is converted to a value. */
export type Reading = "text" | "number" | "boolean" | "list" | "counts" | "rates" | "file" | "files" | "store";

/** A setting, with its names and description. */
export interface Setting {
  /** Its path in a config file. */
  readonly path: string;
  /** Environment variables; the first one that is set wins. */
  readonly env: readonly string[];
  /** The command-line option, as in `--help`. */
  readonly flag?: string;
  readonly reading: Reading;
  readonly description: string;
  /** Never printed; `"url"`: only parts of it are secret. */
  readonly secret?: true | "url";
  /** The only part that uses it; absent: both do. */
  readonly of?: PartName;
}

export type PartName = "coordinator" | "worker";

const setting = (
  path: string,
  env: string | readonly string[],
  reading: Reading,
  description: string,
  more: Pick<Setting, "flag" | "secret" | "of"> = {},
): Setting => ({ path, env: typeof env === "string" ? [env] : env, reading, description, ...more });

/** In the order of the help and the docs. */
export const catalogue: readonly Setting[] = [
  setting("handlers", "FLOWKIT_HANDLERS", "files", "file that exports handlers or flows; may be repeated", {
    flag: "--handlers <file>",
  }),
  setting("types", "FLOWKIT_TYPES", "list", "node types that workers serve, if --handlers does not define them", {
    flag: "--types <names>",
    of: "coordinator",
  }),
  setting("externalTypes", "FLOWKIT_EXTERNAL_TYPES", "list", "which of them are served by external workers", {
    of: "coordinator",
  }),
  setting("roles", "FLOWKIT_ROLES", "list", "serve only these types of the handlers", {
    flag: "--roles <names>",
    of: "worker",
  }),
  setting("store", "FLOWKIT_STORE", "store", "SQLite file or postgres:// URL of the database that stores tasks", {
    flag: "--store <place>",
    secret: "url",
  }),
  setting(
    "postgres.schema",
    "FLOWKIT_POSTGRES_SCHEMA",
    "text",
    "schema of the tables in PostgreSQL (default: flowkit)",
  ),
  setting("postgres.poolSize", "FLOWKIT_POSTGRES_POOL_SIZE", "number", "connections of the store (default: 10)"),
  setting(
    "postgres.migrate",
    "FLOWKIT_POSTGRES_MIGRATE",
    "boolean",
    "create missing tables and indexes (default: true)",
  ),
  setting(
    "postgres.prepare",
    "FLOWKIT_POSTGRES_PREPARE",
    "boolean",
    "prepare statements; false for a pooler that loses them (default: true)",
  ),
  setting("postgres.timeoutMs", "FLOWKIT_POSTGRES_TIMEOUT_MS", "number", "timeout of a request (default: 10000)"),
  setting(
    "postgres.keepEndedSec",
    "FLOWKIT_POSTGRES_KEEP_ENDED_SEC",
    "number",
    "retention of ended tasks (default: unlimited)",
  ),
  setting(
    "postgres.keepDeadLettersSec",
    "FLOWKIT_POSTGRES_KEEP_DEAD_LETTERS_SEC",
    "number",
    "retention of dead letters (default: 30 days)",
  ),
  setting("mongo.url", ["FLOWKIT_MONGO_URL", "MONGODB_URL"], "text", "URL of the MongoDB database that stores tasks", {
    flag: "--mongo <url>",
    secret: "url",
  }),
  setting("mongo.database", "MONGODB_DATABASE", "text", "database name, if the URL has none", {
    flag: "--mongo-database <name>",
  }),
  setting("mongo.prefix", "MONGODB_PREFIX", "text", "prefix of all collection names", {
    flag: "--mongo-prefix <text>",
  }),
  setting("mongo.username", "MONGODB_USERNAME", "text", "username, if the URL has none"),
  setting("mongo.password", "MONGODB_PASSWORD", "text", "password, if the URL has none", { secret: true }),
  setting("mongo.tls", "MONGODB_TLS", "boolean", "use TLS for MongoDB"),
  setting("mongo.tlsCAFile", "MONGODB_TLS_CA_FILE", "file", "PEM file of trusted certificate authorities"),
  setting(
    "mongo.tlsCertificateKeyFile",
    "MONGODB_TLS_CERTIFICATE_KEY_FILE",
    "file",
    "PEM file of the client certificate and its key",
  ),
  setting(
    "mongo.tlsCertificateKeyFilePassword",
    "MONGODB_TLS_CERTIFICATE_KEY_FILE_PASSWORD",
    "text",
    "passphrase of that key",
    {
      secret: true,
    },
  ),
  setting("mongo.migrate", "MONGODB_MIGRATE", "boolean", "create missing collections and indexes (default: true)"),
  setting("mongo.timeoutMs", "MONGODB_TIMEOUT_MS", "number", "timeout of a request (default: 10000)"),
  setting("mongo.keepEndedSec", "MONGODB_KEEP_ENDED_SEC", "number", "retention of ended tasks (default: unlimited)"),
  setting(
    "mongo.keepDeadLettersSec",
    "MONGODB_KEEP_DEAD_LETTERS_SEC",
    "number",
    "retention of dead letters (default: 30 days)",
  ),
  setting(
    "kafka.brokers",
    "KAFKA_BROKERS",
    "list",
    "Kafka brokers as host:port; without them, processes poll the store, or use the bus of PostgreSQL",
    {
      flag: "--kafka-brokers <list>",
    },
  ),
  setting("kafka.prefix", "KAFKA_PREFIX", "text", "prefix of all topic and consumer group names", {
    flag: "--kafka-prefix <text>",
  }),
  setting(
    "kafka.groupPrefix",
    "KAFKA_GROUP_PREFIX",
    "text",
    "prefix of consumer group names (default: kafka.prefix, or flowkit)",
  ),
  setting("kafka.clientId", "KAFKA_CLIENT_ID", "text", "Kafka client id"),
  setting(
    "kafka.connectTimeoutMs",
    "KAFKA_CONNECT_TIMEOUT_MS",
    "number",
    "timeout for connecting at startup (default: 30000)",
  ),
  setting("kafka.partitions", "KAFKA_PARTITIONS", "number", "partitions of created topics (default: 6)"),
  setting("kafka.replicationFactor", "KAFKA_REPLICATION_FACTOR", "number", "replication factor of created topics"),
  setting("kafka.tls", "KAFKA_TLS", "boolean", "use TLS for Kafka; implied by the files below"),
  setting("kafka.tlsCAFile", "KAFKA_TLS_CA_FILE", "file", "PEM file of trusted certificate authorities"),
  setting("kafka.tlsCertFile", "KAFKA_TLS_CERT_FILE", "file", "PEM file of the client certificate"),
  setting("kafka.tlsKeyFile", "KAFKA_TLS_KEY_FILE", "file", "PEM file of the key of that certificate"),
  setting("kafka.tlsKeyPassword", "KAFKA_TLS_KEY_PASSWORD", "text", "passphrase of that key", { secret: true }),
  setting("kafka.saslMechanism", "KAFKA_SASL_MECHANISM", "text", "plain, scram-sha-256 or scram-sha-512"),
  setting("kafka.saslUsername", "KAFKA_SASL_USERNAME", "text", "SASL username"),
  setting("kafka.saslPassword", "KAFKA_SASL_PASSWORD", "text", "SASL password", { secret: true }),
  setting("capacity", "FLOWKIT_CAPACITY", "number", "concurrent attempts (default: 8)", {
    flag: "--capacity <count>",
    of: "worker",
  }),
  setting("capacityPerType", "FLOWKIT_CAPACITY_PER_TYPE", "counts", "lower capacity of some types: render=2,mail=1", {
    of: "worker",
  }),
  setting("maxRunning", "FLOWKIT_MAX_RUNNING", "number", "concurrent attempts across all processes"),
  setting("maxRunningPerType", "FLOWKIT_MAX_RUNNING_PER_TYPE", "counts", "the same limit per type: render=2,mail=1"),
  setting("maxRunningPerTask", "FLOWKIT_MAX_RUNNING_PER_TASK", "number", "the same limit per task"),
  setting(
    "ratePerType",
    "FLOWKIT_RATE_PER_TYPE",
    "rates",
    "tries of batches per second, and their burst, across all processes: ask=5/10,mail=0.5",
  ),
  setting("leaseMs", "FLOWKIT_LEASE_MS", "number", "duration of a lease without renewal (default: 30000)"),
  setting("pageSize", "FLOWKIT_PAGE_SIZE", "number", "artifacts per read (default: 256)"),
  setting("tickMs", "FLOWKIT_TICK_MS", "number", "interval between checks for expired leases (default: 1000)", {
    of: "coordinator",
  }),
  setting("sweepMs", "FLOWKIT_SWEEP_MS", "number", "interval between sweeps over all tasks (default: 30000)", {
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
    "time for a cancelled attempt to stop (default: 30000)",
    { of: "coordinator" },
  ),
  setting("graceSec", "FLOWKIT_GRACE_SEC", "number", "time for running batches to end on SIGTERM (default: 10)", {
    flag: "--grace <seconds>",
  }),
  setting(
    "http.port",
    "FLOWKIT_HTTP_PORT",
    "number",
    "serve /ready, /health and /metrics on this port; 0: any free port",
    {
      flag: "--http-port <port>",
    },
  ),
  setting("http.host", "FLOWKIT_HTTP_HOST", "text", "bind address of this port (default: 127.0.0.1)", {
    flag: "--http-host <address>",
  }),
  setting("http.token", "FLOWKIT_HTTP_TOKEN", "text", "token that signals by HTTP from other machines must present", {
    secret: true,
    of: "coordinator",
  }),
  setting("studio.enabled", "FLOWKIT_STUDIO", "boolean", "serve the studio, a web page that shows the tasks", {
    flag: "--studio",
    of: "coordinator",
  }),
  setting("studio.port", "FLOWKIT_STUDIO_PORT", "number", "port of the studio (default: 4477); 0: any free port", {
    of: "coordinator",
  }),
  setting("studio.host", "FLOWKIT_STUDIO_HOST", "text", "bind address of the studio (default: 127.0.0.1)", {
    of: "coordinator",
  }),
  setting("studio.token", "FLOWKIT_STUDIO_TOKEN", "text", "token that the studio requires; needed on other addresses", {
    secret: true,
    of: "coordinator",
  }),
  setting("studio.readOnly", "FLOWKIT_STUDIO_READ_ONLY", "boolean", "the studio changes nothing (default: false)", {
    of: "coordinator",
  }),
  setting("webhook.url", "FLOWKIT_WEBHOOK_URL", "text", "URL that gets a signed request for each task that ends", {
    secret: true,
    of: "coordinator",
  }),
  setting("webhook.secret", "FLOWKIT_WEBHOOK_SECRET", "text", "secret that signs these requests", {
    secret: true,
    of: "coordinator",
  }),
  setting("webhook.events", "FLOWKIT_WEBHOOK_EVENTS", "list", "finished, failed, cancelled (default: failed)", {
    of: "coordinator",
  }),
  setting("webhook.timeoutSec", "FLOWKIT_WEBHOOK_TIMEOUT_SEC", "number", "timeout of a request (default: 10)", {
    of: "coordinator",
  }),
  setting(
    "webhook.replaySec",
    "FLOWKIT_WEBHOOK_REPLAY_SEC",
    "number",
    "on startup, report tasks that ended up to this long before (default: 300)",
    { of: "coordinator" },
  ),
  setting(
    "telemetry",
    "FLOWKIT_TELEMETRY",
    "boolean",
    "send traces and metrics over OTLP, configured by OTEL_* variables",
    {
      flag: "--telemetry",
    },
  ),
  setting(
    "keepLogs",
    "FLOWKIT_KEEP_LOGS",
    "text",
    "lowest level of handlers' log lines kept with tasks: debug, info, warn, error, or none (default: info)",
    { flag: "--keep-logs <level>", of: "worker" },
  ),
  setting("log.format", "FLOWKIT_LOG_FORMAT", "text", "text, or json: one object per line (default: text)", {
    flag: "--log-format <format>",
  }),
  setting("log.level", "FLOWKIT_LOG_LEVEL", "text", "lowest level to log: debug, info, warn or error (default: info)", {
    flag: "--log-level <level>",
  }),
];

export const settingAt = (path: string): Setting | undefined => catalogue.find((each) => each.path === path);
