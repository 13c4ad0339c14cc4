import { createHash } from "node:crypto";
import type { Message } from "../../core/messages/messages.ts";
import type { Bus, BusHealth, Clock, SubscribeOptions, Subscription } from "../../core/ports/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { StoreRetry } from "../../core/resilience/store-retry.ts";
import { FlowError } from "../../errors/index.ts";
import { checkOptionNames } from "../../graph/format/near-name.ts";
import { BusReader, notifying } from "./bus-reader.ts";
import { idText, now, Session, unplanned } from "./database/session.ts";
import { checkNumber, knownOptions, type PostgresOptions, sessionOptions } from "./options.ts";

/** Options of {@link postgresBus}. */
export interface PostgresBusOptions extends PostgresOptions {
  /**
   * How often to poll for messages that no notification announced, in ms, at most 10000. An idle process that receives
   * notifications polls a sixth as often. Choose a smaller value behind a connection pooler in transaction mode, which does
   * not pass notifications on.
   * @defaultValue 5000
   */
  readonly lookEveryMs?: number;
  /** Maximum number of messages that wait for the database; further ones are rejected. @defaultValue 10_000 */
  readonly maxBuffered?: number;
  /** How long a message waits for the database before it is dropped, in ms. @defaultValue 60_000 */
  readonly deliveryTimeoutMs?: number;
  /** Maximum message size in bytes. @defaultValue 1_000_000 */
  readonly maxMessageBytes?: number;
  /** Maximum number of messages that a process has claimed but not handled. @defaultValue 500 */
  readonly maxUnhandled?: number;
  /** Maximum number of deliveries of a message whose handler rejects. @defaultValue 5 */
  readonly maxDeliveries?: number;
}

/**
 * A bus in a PostgreSQL database, for coordinators and workers in several processes. Messages are rows, and a notification
 * wakes the members of a group. The bus keeps a connection for notifications, so a pool needs at least two.
 *
 * @example
 * const [store, bus] = [postgresStore({ url }), postgresBus({ url })]
 * await using worker = new Worker({ store, bus, handlers: etl.handlers })
 *
 * @throws FlowError `ENGINE_OPTIONS`. `subscribe` throws `BUS_UNAVAILABLE` if the database is unreachable, and
 *   `STORE_VERSION`. `publish` throws `BUS_UNAVAILABLE` if `maxBuffered` messages are already waiting, and
 *   `MESSAGE_TOO_LARGE` for a message larger than `maxMessageBytes`
 */
export function postgresBus(options: PostgresBusOptions): Bus {
  return new PostgresBus(options);
}

const knownBusOptions: Readonly<Record<keyof PostgresBusOptions, true>> = {
  ...knownOptions,
  lookEveryMs: true,
  maxBuffered: true,
  deliveryTimeoutMs: true,
  maxMessageBytes: true,
  maxUnhandled: true,
  maxDeliveries: true,
};

class PostgresBus implements Bus {
  readonly #session: Session;
  readonly #reader: BusReader;
  readonly #publisher: Publisher;
  readonly #ending = new AbortController();
  readonly #retry = new StoreRetry(systemClock(), this.#ending);
  readonly #maxMessageBytes: number;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: PostgresBusOptions) {
    checkOptionNames("postgresBus", options ?? {}, knownBusOptions);
    this.#session = new Session(sessionOptions("bus", options));
    const { lookEveryMs = 5_000, maxUnhandled = 500, maxDeliveries = 5 } = options;
    const { maxBuffered = 10_000, deliveryTimeoutMs = 60_000, maxMessageBytes = 1_000_000 } = options;
    const numbers = { maxUnhandled, maxDeliveries, maxBuffered, deliveryTimeoutMs, maxMessageBytes };
    checkNumber("bus", "lookEveryMs", lookEveryMs, { min: 10, max: 10_000 }); // also the interval at which claims are renewed
    for (const [name, value] of Object.entries(numbers))
      checkNumber("bus", name, value, { min: 1, max: 1_000_000_000 });
    // At most 63 bytes, and valid without quotes.
    const hash = createHash("sha256").update(this.#session.schema).digest("hex").slice(0, 32);
    const parts = { session: this.#session, clock: systemClock(), channel: `flowkit_${hash}` };
    this.#reader = new BusReader({ ...parts, lookEveryMs, maxUnhandled, maxDeliveries });
    this.#publisher = new Publisher({ ...parts, open: () => this.#open(), maxBuffered, deliveryTimeoutMs });
    this.#maxMessageBytes = maxMessageBytes;
  }

  async publish(topic: string, key: string, message: Message): Promise<void> {
    this.#checkOpen();
    const body = JSON.stringify(message);
    const bytes = Buffer.byteLength(body);
    if (bytes > this.#maxMessageBytes) {
      const what = `a message for topic '${topic}' has ${bytes} bytes, more than the bus's limit of ${this.#maxMessageBytes}`;
      throw new FlowError("MESSAGE_TOO_LARGE", what, { details: { topic, key } });
    }
    this.#publisher.add({ topic, key, body });
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    this.#checkOpen();
    try {
      // Retried: a process that is not subscribed would receive nothing for as long as it runs.
      return await this.#retry.run(async () => {
        await this.#open();
        return { close: await this.#reader.join(options) };
      });
    } catch (error) {
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error;
      const { message, retryable, details } = error;
      throw new FlowError("BUS_UNAVAILABLE", message, { retryable, details, cause: error });
    }
  }

  close(): Promise<void> {
    this.#ending.abort();
    this.#closing ??= (async () => {
      await this.#reader.close();
      await this.#publisher.close();
      await this.#opening?.catch(() => {}); // already reported to the callers
      await this.#session.close();
    })();
    return this.#closing;
  }

  health(): BusHealth {
    const { awaySince, restarts, wasReached, lastError } = this.#reader.status;
    const since = [awaySince, this.#publisher.failingSince].filter((time) => time !== undefined);
    const error = this.#publisher.lastError ?? lastError;
    const status = wasReached ? "unreachable" : "connecting";
    return {
      ...(since.length === 0 ? { status: "ok" } : { status, since: Math.min(...since) }),
      restarts,
      dropped: this.#publisher.dropped,
      ...(error === undefined ? {} : { lastError: error }),
    };
  }

  /** Opens the session once, and again after a failure. */
  #open(): Promise<void> {
    this.#opening ??= this.#session.open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new FlowError("ENGINE_STOPPED", "this PostgreSQL bus is closed");
  }
}

/** Inserts one row for each group that subscribes to the topic, in the order in which the messages were published. */
const send = `WITH sent AS (INSERT INTO @bus_messages (group_pk, lane, topic, key, body, sent_at)
    SELECT listener.pk, hashtextextended(message.topic || E'\\n' || message.key, 0), message.topic, message.key,
      message.body, ${now}
    FROM unnest(${[1, 2, 3].map((n) => unplanned(n, "text[]"))}) WITH ORDINALITY AS message (topic, key, body, n)
    JOIN @bus_groups listener ON message.topic = ANY (listener.topics) AND listener.until > ${now}
    ORDER BY message.n RETURNING group_pk) ${notifying("$4", "sent")}`;
const batchSize = 500;
const backoffMinMs = 20;
const backoffMaxMs = 2_000;
const closeTimeoutMs = 5_000;

interface Outgoing {
  readonly topic: string;
  readonly key: string;
  readonly body: string;
}

interface PublisherOptions {
  readonly session: Session;
  readonly clock: Clock;
  readonly channel: string;
  readonly open: () => Promise<void>;
  readonly maxBuffered: number;
  readonly deliveryTimeoutMs: number;
}

/** Sends messages in batches, one after another: messages are hints, and publishing one does not wait for the database. */
class Publisher {
  readonly #options: PublisherOptions;
  #waiting: (Outgoing & { readonly since: number })[] = [];
  #sending: Promise<void> | undefined;
  readonly #closing = new AbortController();
  #failingSince: number | undefined;
  #lastError: string | undefined;
  #dropped = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  get failingSince(): number | undefined {
    return this.#failingSince;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** @throws FlowError `BUS_UNAVAILABLE` */
  add(message: Outgoing): void {
    if (this.#waiting.length >= this.#options.maxBuffered) {
      this.#dropped++;
      const what = `${this.#waiting.length} messages are already waiting for PostgreSQL: ${this.#lastError ?? "it is slow"}`;
      throw new FlowError("BUS_UNAVAILABLE", what, { retryable: true });
    }
    this.#waiting.push({ ...message, since: this.#options.clock.monotonic() });
    this.#sending ??= this.#run();
  }

  /** Waits until everything is sent, but only a few seconds for an unreachable database. */
  async close(): Promise<void> {
    const ended = new AbortController();
    const late = this.#options.clock.sleep(closeTimeoutMs, ended.signal);
    await Promise.race([this.#sending, late]);
    ended.abort();
    this.#closing.abort();
    await this.#sending;
  }

  async #run(): Promise<void> {
    const { clock, deliveryTimeoutMs } = this.#options;
    await undefined; // messages published in one step form a batch
    for (let failures = 0; this.#waiting.length > 0; ) {
      const batch = this.#waiting.slice(0, batchSize);
      try {
        await this.#send(batch);
        this.#waiting.splice(0, batch.length);
        this.#failingSince = undefined;
        failures = 0;
      } catch (error) {
        this.#failingSince ??= clock.now();
        this.#lastError = error instanceof Error ? error.message : String(error);
        await clock.sleep(Math.min(backoffMaxMs, backoffMinMs * 2 ** failures++), this.#closing.signal);
        const oldest = this.#closing.signal.aborted ? Number.POSITIVE_INFINITY : clock.monotonic() - deliveryTimeoutMs;
        const kept = this.#waiting.filter(({ since }) => since > oldest);
        this.#dropped += this.#waiting.length - kept.length;
        this.#waiting = kept;
      }
    }
    this.#sending = undefined; // in the same step as the last check of `#waiting`
  }

  async #send(batch: readonly Outgoing[]): Promise<void> {
    const { session, channel, open } = this.#options;
    await open();
    const columns = [batch.map(({ topic }) => idText(topic)), batch.map(({ key }) => idText(key))];
    await session.all(send, [...columns, batch.map(({ body }) => body), channel]);
  }
}
