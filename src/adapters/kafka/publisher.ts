import { Partitioners, type Producer } from "kafkajs";
import { FlowError } from "../../errors/index.ts";
import { type BusParts, driverRetry } from "./client.ts";
import { isOfMessage, isRefusal, within } from "./driver-error.ts";
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
/** A lost message counts for so long: coordinators and workers look in the store meanwhile for what it said. */
const lookMs = 5_000;

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
  /** Topics whose latest message the broker refused, with the time of the first refusal. */
  readonly #refused = new Map<string, number>();
  /** `until` is monotonic. */
  #lost: { readonly since: number; readonly until: number } | undefined;
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

  /** Since when messages are not sent, or get lost. */
  get failingSince(): number | undefined {
    const { clock } = this.#parts;
    const [oldest] = this.#waiting;
    const late = oldest !== undefined && clock.now() - oldest.since > silentMs ? oldest.since : undefined;
    const times = [this.#failingSince ?? late, this.#lossAt(clock.monotonic())?.since, ...this.#refused.values()];
    const since = Math.min(...times.filter((time) => time !== undefined));
    return Number.isFinite(since) ? since : undefined;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Messages that were refused or given up. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * @returns a promise of the broker's word that it has it; it rejects when the message is given up
   * @throws FlowError `BUS_UNAVAILABLE` when no more can wait, `MESSAGE_TOO_LARGE`
   */
  take(outgoing: Outgoing): Promise<void> {
    const { options, clock } = this.#parts;
    const { topic, value } = outgoing;
    const { byteLength: bytes } = value;
    const { maxMessageBytes: limit } = options;
    if (bytes > limit) {
      this.#dropped++;
      const words = `a message for ${topic} has ${bytes} bytes: maxMessageBytes is ${limit}`;
      throw new FlowError("MESSAGE_TOO_LARGE", words, { details: { topic, bytes, limit } });
    }
    if (this.#waiting.length >= options.maxBuffered) {
      this.#dropped++;
      this.#noteLoss();
      const words = `${this.#waiting.length} messages are already waiting for a Kafka broker: ${this.#lastError ?? "the broker is slow"}`;
      throw new FlowError("BUS_UNAVAILABLE", words, { retryable: true, details: { topic } });
    }
    const sent = Promise.withResolvers<void>();
    const until = clock.monotonic() + options.deliveryTimeoutMs;
    this.#waiting.push({ outgoing, sent, since: clock.now(), until });
    this.#sending ??= this.#send();
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
    try {
      while (this.#waiting.length > 0 && !this.#closing.signal.aborted) {
        const batch = this.#waiting.slice(0, mostAtOnce);
        try {
          await this.#sendAll(batch);
          this.#failingSince = undefined;
          backoffMs = retryMinMs;
        } catch (error) {
          if (this.#closing.signal.aborted) return;
          await this.#failed(batch, error);
          if (isRefusal(error)) continue; // an answer: those that are left may be sent at once
          await clock.sleep(backoffMs, this.#closing.signal);
          backoffMs = Math.min(retryMaxMs, backoffMs * 2);
        }
      }
    } finally {
      this.#sending = undefined; // in the turn of the last look at what waits: a later message starts another round
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
    this.#forget(batch);
    for (const topic of byTopic.keys()) this.#refused.delete(topic);
    for (const { sent } of batch) sent.resolve();
  }

  async #failed(batch: readonly Waiting[], error: unknown): Promise<void> {
    this.#lastError = this.#parts.redact(messageOf(error));
    const byTopic = Map.groupBy(batch, ({ outgoing }) => outgoing.topic);
    this.#topics.forget([...byTopic.keys()]);
    if (!isRefusal(error)) return this.#unanswered();
    // A refusal applies to the whole request: find the topic, or the message, that caused it.
    if (byTopic.size > 1) return this.#sendApart([...byTopic.values()]);
    const ofMessage = isOfMessage(error);
    if (ofMessage && batch.length > 1) return this.#sendApart(batch.map((waiting) => [waiting]));
    if (!ofMessage) {
      this.#noteLoss();
      for (const topic of byTopic.keys()) {
        this.#refused.set(topic, this.#refused.get(topic) ?? this.#parts.clock.now());
      }
    }
    this.#giveUp(batch, this.#lastError);
  }

  #unanswered(): void {
    const { clock, logger } = this.#parts;
    this.#failingSince ??= clock.now();
    const fields = { part: "kafka", messages: this.#waiting.length, error: this.#lastError };
    logger.warn(fields, "messages could not be sent; will retry");
    const now = clock.monotonic();
    const over = this.#waiting.filter(({ until }) => until <= now);
    if (over.length === 0) return;
    this.#noteLoss();
    this.#giveUp(over, this.#lastError ?? "no answer");
  }

  async #sendApart(batches: readonly (readonly Waiting[])[]): Promise<void> {
    for (const batch of batches) {
      try {
        await this.#sendAll(batch);
      } catch (error) {
        if (!isRefusal(error)) return; // the broker is away: what is left goes on waiting
        await this.#failed(batch, error);
      }
    }
  }

  #noteLoss(): void {
    const { clock } = this.#parts;
    const now = clock.monotonic();
    this.#lost = { since: this.#lossAt(now)?.since ?? clock.now(), until: now + lookMs };
  }

  #lossAt(now: number): { readonly since: number } | undefined {
    return this.#lost !== undefined && now < this.#lost.until ? this.#lost : undefined;
  }

  #forget(waiting: readonly Waiting[]): void {
    const gone = new Set(waiting);
    this.#waiting = this.#waiting.filter((each) => !gone.has(each));
  }

  #giveUp(waiting: readonly Waiting[], why: string): void {
    if (waiting.length === 0) return;
    this.#forget(waiting);
    this.#dropped += waiting.length;
    const { logger } = this.#parts;
    const topics = [...new Set(waiting.map(({ outgoing }) => outgoing.topic))];
    logger.warn({ part: "kafka", messages: waiting.length, topics, why }, "dropped messages");
    const error = new FlowError("BUS_UNAVAILABLE", `a message was not sent: ${why}`, { retryable: true });
    for (const { sent } of waiting) sent.reject(error);
  }
}
