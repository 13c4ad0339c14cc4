import * as z from "zod";

/*
 * The settings of a deployment, in the shape of a config file. Coordinators and workers share one file, and each uses
 * what applies to it.
 */

const text = z.string().min(1, "must not be empty");
const count = z.int().min(1);
const ms = z.number().min(1);
const seconds = z.number().min(0);
const names = z.array(text).min(1);
const counts = z.record(z.string(), count);
/** A path; in a config file it is relative to the folder of that file. */
const file = text;

/** Whether a store is a PostgreSQL database rather than a SQLite file. */
export const isPostgresUrl = (store: string): boolean => /^postgres(ql)?:\/\//.test(store);

const mongo = z
  .strictObject({
    url: z.string().regex(/^mongodb(\+srv)?:\/\//, "must begin with mongodb:// or mongodb+srv://"),
    database: text,
    prefix: z.string(),
    username: text,
    password: text,
    tls: z.boolean(),
    tlsCAFile: file,
    tlsCertificateKeyFile: file,
    tlsCertificateKeyFilePassword: text,
    migrate: z.boolean(),
    timeoutMs: ms,
    keepEndedSec: seconds,
    keepDeadLettersSec: seconds,
  })
  .partial();

const postgres = z
  .strictObject({
    schema: text,
    poolSize: count,
    migrate: z.boolean(),
    prepare: z.boolean(),
    timeoutMs: ms,
    keepEndedSec: seconds,
    keepDeadLettersSec: seconds,
  })
  .partial();

const kafka = z
  .strictObject({
    brokers: z.array(z.string().regex(/.:\d+$/, "must be host:port")).min(1),
    prefix: z.string(),
    groupPrefix: z.string(),
    clientId: text,
    connectTimeoutMs: count,
    partitions: count,
    replicationFactor: count,
    tls: z.boolean(),
    tlsCAFile: file,
    tlsCertFile: file,
    tlsKeyFile: file,
    tlsKeyPassword: text,
    saslMechanism: z.enum(["plain", "scram-sha-256", "scram-sha-512"]),
    saslUsername: text,
    saslPassword: text,
  })
  .partial();

export const settingsSchema = z
  .strictObject({
    handlers: names,
    types: names,
    externalTypes: names,
    roles: names,
    store: text.refine((place) => isPostgresUrl(place) || !place.includes("://"), {
      error: "must be a file or a postgres:// URL; MongoDB is the setting mongo.url, or --mongo",
    }),
    postgres,
    mongo,
    kafka,
    capacity: count,
    capacityPerType: counts,
    maxRunning: count,
    maxRunningPerType: counts,
    maxRunningPerTask: count,
    ratePerType: z.record(z.string(), z.strictObject({ perSec: z.number().gt(0), burst: count.optional() })),
    leaseMs: ms,
    pageSize: count,
    tickMs: ms,
    sweepMs: ms,
    maxLostLeases: z.int().min(0),
    cancelGraceMs: z.number().min(0),
    graceSec: seconds,
    http: z.strictObject({ port: z.int().min(0).max(65_535), host: text, token: text }).partial(),
    studio: z
      .strictObject({
        enabled: z.boolean(),
        port: z.int().min(0).max(65_535),
        host: text,
        token: z.string().min(16, "must have at least 16 characters"),
        readOnly: z.boolean(),
      })
      .partial(),
    webhook: z
      .strictObject({
        url: z.url({ protocol: /^https?$/, error: "must be a URL that begins with http:// or https://" }),
        secret: z.string().min(16, "must have at least 16 characters"),
        events: z.array(z.enum(["finished", "failed", "cancelled"])).min(1),
        timeoutSec: z.number().gt(0).max(300),
        replaySec: z.number().min(0).max(86_400),
      })
      .partial(),
    telemetry: z.boolean(),
    keepLogs: z.enum(["debug", "info", "warn", "error", "none"]),
    log: z
      .strictObject({ format: z.enum(["text", "json"]), level: z.enum(["debug", "info", "warn", "error"]) })
      .partial(),
  })
  .partial();

export type Settings = z.output<typeof settingsSchema>;

/** Wraps a value in the objects of its path, as in a config file. */
export const nested = (path: string, value: unknown): unknown =>
  path.split(".").reduceRight((inner: unknown, key) => ({ [key]: inner }), value);

/** The sources of settings, in ascending precedence. */
export const ranks = ["file", "environment", "command line"] as const;

/** The source of a value. */
export interface Origin {
  readonly rank: (typeof ranks)[number];
  /** "flowkit.json:3:14", "KAFKA_BROKERS", "--capacity". */
  readonly place: string;
}
