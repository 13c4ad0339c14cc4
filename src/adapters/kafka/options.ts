import type { ConnectionOptions } from "node:tls";
import type { SASLOptions } from "kafkajs";
import * as z from "zod";
import type { Logger } from "../../definitions/index.ts";
import { FlowError } from "../../errors/index.ts";

/** Options of {@link kafkaBus}. */
export interface KafkaBusOptions {
  /** `host:port` of at least one broker, through which the others are discovered. */
  readonly brokers: readonly string[];
  /** TLS: `true`, or TLS options of Node. @defaultValue false */
  readonly ssl?: boolean | ConnectionOptions;
  /** SASL authentication. Its secrets never appear in errors or logs. */
  readonly sasl?: SASLOptions;
  /** Kafka client id. @defaultValue "flowkit" */
  readonly clientId?: string;
  /** Prefix of topic and group names, separated by a dot. @defaultValue "" */
  readonly prefix?: string;
  /** Prefix of group names, separated by a dot. @defaultValue `prefix`, or "flowkit" without one */
  readonly groupPrefix?: string;
  /** Settings of created topics; existing topics are not changed. */
  readonly topics?: {
    /** The maximum number of group members that can share a topic. @defaultValue 6 */
    readonly partitions?: number;
    /** @defaultValue the broker's own */
    readonly replicationFactor?: number;
  };
  /** How long a start waits to join its consumer groups, in ms. @defaultValue 30_000 */
  readonly connectTimeoutMs?: number;
  /**
   * Whether the start rejects if no broker answers within `connectTimeoutMs`. Otherwise it continues with the store
   * alone, and `health()` reports `connecting` and not `ready` until a broker answers. It always rejects if a broker
   * rejects it, for example its login.
   *
   * @defaultValue false
   */
  readonly failFast?: boolean;
  /** Maximum number of messages that wait for a broker; further ones are rejected. @defaultValue 10_000 */
  readonly maxBuffered?: number;
  /** How long a message waits for a broker before it is dropped, in ms. @defaultValue 60_000 */
  readonly deliveryTimeoutMs?: number;
  /** Maximum message size in bytes; must not exceed the limit of the topics. @defaultValue 1_000_000 */
  readonly maxMessageBytes?: number;
  /** Maximum number of messages that a group member has read but not handled. @defaultValue 500 */
  readonly maxUnhandled?: number;
  /** Maximum number of deliveries of a message whose handler rejects. @defaultValue 5 */
  readonly maxDeliveries?: number;
  /** Time without a heartbeat after which a member is considered dead, in ms. @defaultValue 30_000 */
  readonly sessionTimeoutMs?: number;
  /** Interval of heartbeats, which also detect new members, in ms. @defaultValue 3_000 */
  readonly heartbeatMs?: number;
  /** How long `close` waits for a broker, in ms. It always waits for running handlers. @defaultValue 5_000 */
  readonly closeTimeoutMs?: number;
  /** @defaultValue silent */
  readonly logger?: Logger;
}

const nameSchema = z.string().regex(/^[a-zA-Z0-9._-]*$/, "must contain only letters, digits, '.', '_' and '-'");
const count = (byDefault: number) => z.int().min(1).default(byDefault);

const optionsSchema = z.strictObject({
  brokers: z.array(z.string().regex(/.:\d+$/, "must be host:port")).min(1),
  clientId: z.string().min(1).default("flowkit"),
  prefix: nameSchema.default(""),
  groupPrefix: nameSchema.optional(),
  topics: z
    .strictObject({ partitions: count(6), replicationFactor: z.int().min(1).optional() })
    .default({ partitions: 6 }),
  connectTimeoutMs: count(30_000),
  failFast: z.boolean().default(false),
  maxBuffered: count(10_000),
  deliveryTimeoutMs: count(60_000),
  maxMessageBytes: count(1_000_000),
  maxUnhandled: count(500),
  maxDeliveries: count(5),
  sessionTimeoutMs: count(30_000),
  heartbeatMs: count(3_000),
  closeTimeoutMs: count(5_000),
});

export type CheckedOptions = z.output<typeof optionsSchema>;

/** @throws FlowError `ENGINE_OPTIONS` */
export function checkOptions(options: KafkaBusOptions): CheckedOptions {
  const { ssl: _ssl, sasl: _sasl, logger: _logger, ...plain } = options;
  const { data, error } = optionsSchema.safeParse(plain);
  if (data === undefined) {
    const [issue] = error.issues;
    throw new FlowError("ENGINE_OPTIONS", `kafkaBus: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  if (data.heartbeatMs * 3 <= data.sessionTimeoutMs) return data;
  const reason = "one late heartbeat must not end a session";
  throw new FlowError("ENGINE_OPTIONS", `kafkaBus: heartbeatMs must be at most a third of sessionTimeoutMs: ${reason}`);
}
