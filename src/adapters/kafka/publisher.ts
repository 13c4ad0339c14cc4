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
/** The driver detects an unresponsive broker only after a minute. */
const silentMs = 5_000;
/** How long health reports a lost message: meanwhile coordinators and workers poll the store for what it announced. */
const lossReportMs = 5_000;

/**
 * Sends messages in order, those of one turn of the event loop in one request. Only one request is in flight at a time,
 * so that a retry does not change the order. While no broker answers, a limited number of messages wait for a limited
 * time.
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

  /** Since when messages are not sent or are lost. */
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

  /** Number of messages that were rejected or dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * @returns a promise that resolves when a broker acknowledges the message, and rejects when it is dropped
   * @throws FlowError `BUS_UNAVAILABLE` if too many messages are waiting, `MESSAGE_TOO_LARGE`
   */
  send(outgoing: Outgoing): Promise<void> {
    const { options, clock } = this.#parts;
    const { topic, value } = outgoing;
    const { byteLength: bytes } = value;
    const { maxMessageBytes: limit } = options;
    if (bytes > limit) {
      this.#dropped++;
      const text = `a message for ${topic} has ${bytes} bytes: maxMessageBytes is ${limit}`;
      throw new FlowError("MESSAGE_TOO_LARGE", text, { details: { topic, bytes, limit } });
    }
    if (this.#waiting.length >= options.maxBuffered) {
      this.#dropped++;
      this.#noteLoss();
      const text = `${this.#waiting.length} messages are already waiting for a Kafka broker: ${this.#lastError ?? "the broker is slow"}`;
      throw new FlowError("BUS_UNAVAILABLE", text, { retryable: true, details: { topic } });
    }
    const sent = Promise.withResolvers<void>();
    const until = clock.monotonic() + options.deliveryTimeoutMs;
    this.#waiting.push({ outgoing, sent, since: clock.now(), until });
    this.#sending ??= this.#sendWaiting();
    return sent.promise;
  }

  /** Sends waiting messages within `closeTimeoutMs` and drops the rest. */
  async close(): Promise<void> {
    const { clock, options, logger } = this.#parts;
    if (this.#sending !== undefined) await within(clock, options.closeTimeoutMs, this.#sending);
    this.#closing.abort();
    this.#drop(this.#waiting.splice(0), "the bus was closed");
    if (!this.#connected) return;
    const ended = await within(clock, options.closeTimeoutMs, this.#producer.disconnect()).catch(() => false);
    if (!ended) logger.warn({ part: "kafka" }, "disconnecting the producer timed out");
  }

  async #sendWaiting(): Promise<void> {
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
          if (isRefusal(error)) continue; // the broker answered: send the remaining messages immediately
          await clock.sleep(backoffMs, this.#closing.signal);
          backoffMs = Math.min(retryMaxMs, backoffMs * 2);
        }
      }
    } finally {
      this.#sending = undefined; // in the same turn as the last check, so that a later message starts a new loop
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
    // A rejection applies to the whole request: find the topic or the message that caused it.
    if (byTopic.size > 1) return this.#sendApart([...byTopic.values()]);
    const ofMessage = isOfMessage(error);
    if (ofMessage && batch.length > 1) return this.#sendApart(batch.map((waiting) => [waiting]));
    if (!ofMessage) {
      this.#noteLoss();
      for (const topic of byTopic.keys()) {
        this.#refused.set(topic, this.#refused.get(topic) ?? this.#parts.clock.now());
      }
    }
    this.#drop(batch, this.#lastError);
  }

  #unanswered(): void {
    const { clock, logger } = this.#parts;
    this.#failingSince ??= clock.now();
    const fields = { part: "kafka", messages: this.#waiting.length, error: this.#lastError };
    logger.warn(fields, "messages could not be sent; will retry");
    const now = clock.monotonic();
    const expired = this.#waiting.filter(({ until }) => until <= now);
    if (expired.length === 0) return;
    this.#noteLoss();
    this.#drop(expired, this.#lastError ?? "no answer");
  }

  async #sendApart(batches: readonly (readonly Waiting[])[]): Promise<void> {
    for (const batch of batches) {
      try {
        await this.#sendAll(batch);
      } catch (error) {
        if (!isRefusal(error)) return; // no broker answers: the rest keeps waiting
        await this.#failed(batch, error);
      }
    }
  }

  #noteLoss(): void {
    const { clock } = this.#parts;
    const now = clock.monotonic();
    this.#lost = { since: this.#lossAt(now)?.since ?? clock.now(), until: now + lossReportMs };
  }

  #lossAt(now: number): { readonly since: number } | undefined {
    return this.#lost !== undefined && now < this.#lost.until ? this.#lost : undefined;
  }

  #forget(waiting: readonly Waiting[]): void {
    const removed = new Set(waiting);
    this.#waiting = this.#waiting.filter((each) => !removed.has(each));
  }

  #drop(waiting: readonly Waiting[], why: string): void {
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
