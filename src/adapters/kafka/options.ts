import type { ConnectionOptions } from "node:tls";
import type { SASLOptions } from "kafkajs";
import * as z from "zod";
import type { Logger } from "../../definitions/index.ts";
import { FlowError } from "../../errors/index.ts";

/** How a {@link kafkaBus} finds its brokers and names its topics. */
export interface KafkaBusOptions {
  /** `host:port` of one broker at least: the others are found by it. */
  readonly brokers: readonly string[];
  /** TLS: `true`, or Node's options for it. @defaultValue false */
  readonly ssl?: boolean | ConnectionOptions;
  /** How to log in. Its secrets are in no error and no log. */
  readonly sasl?: SASLOptions;
  /** What brokers call this process in their logs. @defaultValue "flowkit" */
  readonly clientId?: string;
  /** Put before the names of topics and groups, with a dot. @defaultValue "" */
  readonly prefix?: string;
  /** Put before the names of groups, with a dot. @defaultValue the prefix, or "flowkit" without one */
  readonly groupPrefix?: string;
  /** Of topics that are created. Those that are there already are left as they are. */
  readonly topics?: {
    /** How many members of a group can share a topic. @defaultValue 6 */
    readonly partitions?: number;
    /** @defaultValue the broker's own */
    readonly replicationFactor?: number;
  };
  /** How long the start waits to become a member of its groups, in ms. @defaultValue 30_000 */
  readonly connectTimeoutMs?: number;
  /**
   * `true`: the start rejects when no broker answers for `connectTimeoutMs`. `false`: it goes on without one, by the
   * store alone; `health()` says `connecting`, and not `ready`, until one answers. What a broker refuses, such as a login,
   * makes it reject in any case.
   *
   * @defaultValue false
   */
  readonly failFast?: boolean;
  /** Messages that wait for a broker; one more is refused. @defaultValue 10_000 */
  readonly maxBuffered?: number;
  /** How long a message waits for a broker before it is given up, in ms. @defaultValue 60_000 */
  readonly deliveryTimeoutMs?: number;
  /** The largest message, in bytes: no larger than what topics take. @defaultValue 1_000_000 */
  readonly maxMessageBytes?: number;
  /** Messages that a member of a group has read and not handled yet. @defaultValue 500 */
  readonly maxUnhandled?: number;
  /** How often a message is handed to a handler that rejects. @defaultValue 5 */
  readonly maxDeliveries?: number;
  /** After which silence a member is taken for dead, in ms. @defaultValue 30_000 */
  readonly sessionTimeoutMs?: number;
  /** How often a member says that it lives, in ms: how soon it notices that another one came. @defaultValue 3_000 */
  readonly heartbeatMs?: number;
  /** How long `close` waits for a broker, in ms. Handlers that run are waited for in any case. @defaultValue 5_000 */
  readonly closeTimeoutMs?: number;
  /** @defaultValue silent */
  readonly logger?: Logger;
}

const nameSchema = z.string().regex(/^[a-zA-Z0-9._-]*$/, "must have only letters, digits, '.', '_' and '-'");
const count = (byDefault: number) => z.int().min(1).default(byDefault);

const optionsSchema = z.strictObject({
  brokers: z.array(z.string().regex(/.:\d+$/, "host:port")).min(1),
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
  const words = "one late heartbeat must not end a session";
  throw new FlowError("ENGINE_OPTIONS", `kafkaBus: heartbeatMs must be at most a third of sessionTimeoutMs: ${words}`);
}
