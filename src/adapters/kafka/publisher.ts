import { Partitioners, type Producer } from "kafkajs";
import { FlowError } from "../../errors/index.ts";
import type { BusParts } from "./client.ts";
import { driverRetry } from "./client.ts";
import { within } from "./deadline.ts";
import { isRefusal } from "./driver-error.ts";
import { messageOf } from "./redaction.ts";
import type { TopicCreation } from "./topic-creation.ts";

export interface Outgoing {
  readonly topic: string;
  readonly key: string | Buffer | null;
  readonly value: Buffer;
  readonly headers?: { readonly traceparent?: string };
}

interface Waiting {
  readonly outgoing: Outgoing;
  /** ms since 1970. */
  readonly since: number;
  /** Monotonic. */
  readonly until: number;
  readonly sent: PromiseWithResolvers<void>;
}

const mostAtOnce = 500;
const retryMinMs = 100;
const retryMaxMs = 2_000;
/** A broker that has fallen silent is found out by the driver after a minute. */
const silentMs = 5_000;

/**
 * Sends messages in the order in which they came, what was given in one turn of the event loop as one request. One
 * request is on its way at a time, so that a repeated one changes no order. While no broker answers, messages wait, up
 * to a number and for a time.
 */
export class Publisher {
  readonly #parts: BusParts;
  readonly #topics: TopicCreation;
  readonly #producer: Producer;
  readonly #closing = new AbortController();
  #waiting: Waiting[] = [];
  #sending: Promise<void> | undefined;
  #connected = false;
  #failingSince: number | undefined;
  #lastError: string | undefined;
  #dropped = 0;

  constructor(parts: BusParts, topics: TopicCreation) {
    this.#parts = parts;
    this.#topics = topics;
    this.#producer = parts.kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      retry: driverRetry,
    });
  }

  /** Since when nothing can be sent, if so. */
  get failingSince(): number | undefined {
    const [oldest] = this.#waiting;
    const isLate = oldest !== undefined && this.#parts.clock.now() - oldest.since > silentMs;
    return this.#failingSince ?? (isLate ? oldest.since : undefined);
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Messages that were taken and given up. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * @returns a promise of the broker's word that it has it; it rejects when the message is given up
   * @throws FlowError `BUS_UNAVAILABLE` when no more can wait
   */
  take(outgoing: Outgoing): Promise<void> {
    const { options, clock } = this.#parts;
    const { topic, value } = outgoing;
    if (value.byteLength > options.maxMessageBytes) {
      const words = `a message for ${topic} has ${value.byteLength} bytes, more than maxMessageBytes`;
      throw new FlowError("ENGINE_OPTIONS", words, { details: { topic, bytes: value.byteLength } });
    }
    if (this.#waiting.length >= options.maxBuffered) {
      const words = `${this.#waiting.length} messages wait for a Kafka broker already: ${this.#lastError ?? "it is slow"}`;
      throw new FlowError("BUS_UNAVAILABLE", words, { retryable: true, details: { topic } });
    }
    const sent = Promise.withResolvers<void>();
    const until = clock.monotonic() + options.deliveryTimeoutMs;
    this.#waiting.push({ outgoing, sent, since: clock.now(), until });
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
    return sent.promise;
  }

  /** Sends what waits, for so long, and gives up the rest. */
  async close(): Promise<void> {
    const { clock, options, logger } = this.#parts;
    if (this.#sending !== undefined) await within(clock, options.closeTimeoutMs, this.#sending);
    this.#closing.abort();
    this.#giveUp(this.#waiting.splice(0), "the bus was closed");
    if (!this.#connected) return;
    const ended = await within(clock, options.closeTimeoutMs, this.#producer.disconnect()).catch(() => false);
    if (!ended) logger.warn({ part: "kafka" }, "the producer could not be disconnected in time");
  }

  async #send(): Promise<void> {
    const { clock } = this.#parts;
    await clock.yield();
    let backoffMs = retryMinMs;
    while (this.#waiting.length > 0 && !this.#closing.signal.aborted) {
      const batch = this.#waiting.slice(0, mostAtOnce);
      try {
        await this.#sendAll(batch);
        this.#waiting.splice(0, batch.length);
        for (const { sent } of batch) sent.resolve();
        this.#failingSince = undefined;
        backoffMs = retryMinMs;
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        await this.#failed(batch, error);
        await clock.sleep(backoffMs, this.#closing.signal);
        backoffMs = Math.min(retryMaxMs, backoffMs * 2);
      }
    }
  }

  async #sendAll(batch: readonly Waiting[]): Promise<void> {
    const byTopic = Map.groupBy(batch, ({ outgoing }) => outgoing.topic);
    await this.#topics.ensure([...byTopic.keys()]);
    if (!this.#connected) {
      await this.#producer.connect();
      this.#connected = true;
    }
    const topicMessages = [...byTopic].map(([topic, waiting]) => ({
      topic,
      messages: waiting.map(({ outgoing: { key, value, headers } }) => ({ key, value, headers: { ...headers } })),
    }));
    await this.#producer.sendBatch({ topicMessages, acks: -1 });
  }

  async #failed(batch: readonly Waiting[], error: unknown): Promise<void> {
    const { clock, logger, redact } = this.#parts;
    this.#lastError = redact(messageOf(error));
    this.#topics.forget(batch.map(({ outgoing }) => outgoing.topic));
    const isRefused = isRefusal(error);
    // A broker that refuses one message refuses all that came with it: find out which.
    if (isRefused && batch.length > 1) return this.#sendOneByOne(batch);
    if (!isRefused) {
      this.#failingSince ??= clock.now();
      const fields = { part: "kafka", messages: this.#waiting.length, error: this.#lastError };
      logger.warn(fields, "nothing could be sent: it is tried again");
    }
    const refused = isRefused ? batch : [];
    const now = clock.monotonic();
    const over = this.#waiting.filter((waiting) => waiting.until <= now || refused.includes(waiting));
    this.#waiting = this.#waiting.filter((waiting) => !over.includes(waiting));
    this.#giveUp(over, this.#lastError);
  }

  async #sendOneByOne(batch: readonly Waiting[]): Promise<void> {
    for (const waiting of batch) {
      try {
        await this.#sendAll([waiting]);
        waiting.sent.resolve();
      } catch (error) {
        if (!isRefusal(error)) return; // the broker is away: what is left goes on waiting
        this.#giveUp([waiting], this.#parts.redact(messageOf(error)));
      }
      this.#waiting.shift();
    }
  }

  #giveUp(waiting: readonly Waiting[], why: string): void {
    if (waiting.length === 0) return;
    this.#dropped += waiting.length;
    const { logger } = this.#parts;
    const topics = [...new Set(waiting.map(({ outgoing }) => outgoing.topic))];
    logger.warn({ part: "kafka", messages: waiting.length, topics, why }, "messages were given up");
    const error = new FlowError("BUS_UNAVAILABLE", `a message was not sent: ${why}`, { retryable: true });
    for (const { sent } of waiting) sent.reject(error);
  }
}
