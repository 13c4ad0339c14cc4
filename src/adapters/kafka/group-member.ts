import type { SubscribeOptions } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import type { BusParts } from "./client.ts";
import { ConsumerSession, type ReadMessage } from "./consumer-session.ts";
import { hasNoAnswer, isLockedOut, mayPass } from "./driver-error.ts";
import { KeyLanes } from "./key-lanes.ts";
import { deleteGroup, endsOf } from "./private-group.ts";
import type { Outgoing, Publisher } from "./publisher.ts";
import { messageOf } from "./redaction.ts";
import type { TopicCreation } from "./topic-creation.ts";
import { decode } from "./wire/codec.ts";

const restartMinMs = 200;
const restartMaxMs = 10_000;

export interface MemberOptions {
  readonly parts: BusParts;
  readonly topics: TopicCreation;
  readonly publisher: Publisher;
  readonly subscription: SubscribeOptions;
  /** Names in Kafka, with prefixes. */
  readonly names: { readonly group: string; readonly topics: readonly string[]; readonly deadLetters: string };
}

/**
 * A member of a consumer group for the duration of a subscription. The driver gives up after some errors; the member
 * then creates another consumer.
 */
export class GroupMember {
  readonly #options: MemberOptions;
  readonly #lanes: KeyLanes;
  /** `away`: it starts without a broker. */
  readonly #begun = Promise.withResolvers<"joined" | "away" | "locked out">();
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #session: ConsumerSession | undefined;
  #hasJoined = false;
  #restarts = 0;
  #awaySince: number | undefined;
  #lastError: string | undefined;
  #mayJoin = true;

  constructor(options: MemberOptions) {
    this.#options = options;
    const { clock, options: numbers } = options.parts;
    const { maxDeliveries, maxUnhandled } = numbers;
    this.#lanes = new KeyLanes({ clock, maxDeliveries, maxWaiting: maxUnhandled });
  }

  get hasJoined(): boolean {
    return this.#hasJoined;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Since when it has not been reading; `undefined` while it reads. */
  get awaySince(): number | undefined {
    return this.#awaySince;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /**
   * Resolves once it has joined the group. Without `failFast`, it also resolves if no broker answers, and joins later.
   *
   * @throws FlowError `BUS_UNAVAILABLE`, `ENGINE_STOPPED`
   */
  async start(): Promise<void> {
    const { clock, options } = this.#options.parts;
    this.#awaySince = clock.now();
    this.#running = this.#run();
    const waiting = new AbortController();
    const late = clock.sleep(options.connectTimeoutMs, waiting.signal).then(() => "late" as const);
    const closed = this.#whenClosed().then(() => "closed" as const);
    const first = await Promise.race([this.#begun.promise, late, closed]).finally(() => waiting.abort());
    if (first === "closed") throw new FlowError("ENGINE_STOPPED", "this Kafka bus was closed while subscribing");
    if (first === "joined" || first === "away") return;
    if (first === "late" && this.#mayJoin && !options.failFast) return;
    await this.close();
    const message = `could not join consumer group '${this.#options.names.group}': ${this.#lastError ?? "no answer"}`;
    const details = { group: this.#options.names.group };
    throw new FlowError("BUS_UNAVAILABLE", message, { retryable: this.#mayJoin, details });
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#session?.stopReading();
      await this.#lanes.close(); // before the consumer, so that messages in progress are committed
      this.#closing.abort();
      await this.#running;
      const { parts, names } = this.#options;
      if (this.#isPrivate && this.#hasJoined) await deleteGroup(parts, names.group);
    })();
    return this.#closed;
  }

  async #run(): Promise<void> {
    const { clock, logger, redact } = this.#options.parts;
    let backoffMs = restartMinMs;
    while (!this.#closing.signal.aborted) {
      const session = this.#newSession();
      this.#session = session;
      try {
        await Promise.race([this.#startOf(session), this.#whenClosed()]);
        if (this.#closing.signal.aborted) return await session.close();
        this.#awaySince = undefined;
        this.#hasJoined = true;
        backoffMs = restartMinMs;
        this.#begun.resolve("joined");
        await Promise.race([session.over(), this.#whenClosed()]);
      } catch (error) {
        this.#restarts++;
        this.#awaySince ??= clock.now();
        this.#lastError = redact(messageOf(error));
        this.#mayJoin = mayPass(error);
        if (isLockedOut(error)) this.#begun.resolve("locked out");
        if (hasNoAnswer(error) && !this.#options.parts.options.failFast) this.#begun.resolve("away");
        const fields = { part: "kafka", group: this.#options.names.group, error: this.#lastError };
        logger.warn(fields, "a consumer failed; creating another one");
      }
      await session.close();
      await clock.sleep(backoffMs, this.#closing.signal);
      backoffMs = Math.min(restartMaxMs, backoffMs * 2);
    }
  }

  async #startOf(session: ConsumerSession): Promise<void> {
    const { parts, topics, names } = this.#options;
    await topics.ensure([...names.topics, names.deadLetters]);
    // After a restart it continues at the committed offsets.
    const isNew = this.#isPrivate && !this.#hasJoined;
    await session.start(isNew ? await endsOf(parts, names.topics) : []);
  }

  get #isPrivate(): boolean {
    return this.#options.subscription.isPrivate === true;
  }

  /** Resolves once it starts to close. */
  #whenClosed(): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }

  #newSession(): ConsumerSession {
    const { parts, names } = this.#options;
    return new ConsumerSession({
      parts,
      group: names.group,
      topics: names.topics,
      fromBeginning: !this.#isPrivate,
      take: (message, handled) => this.#take(message, handled),
      whenNotFull: (ms) => this.#lanes.whenNotFull(ms),
      isFull: () => this.#lanes.isFull,
      onAssigned: () => this.#lanes.forget(),
    });
  }

  #take(read: ReadMessage, done: () => void): void {
    const { topic, partition, offset, value, headers, timestamp } = read;
    const { maxAgeMs = Number.POSITIVE_INFINITY } = this.#options.subscription;
    const isOld = this.#options.parts.clock.now() - Number(timestamp) > maxAgeMs;
    if (isOld) {
      done();
      return;
    }
    const key = read.key ?? null;
    const bad: BadMessage = { topic, partition, offset, key, value };
    const decoded = decode(value, headers?.traceparent?.toString());
    const { handle } = this.#options.subscription;
    this.#lanes.add({
      lane: `${topic}\n${key?.toString("latin1") ?? partition}`,
      handle: "problem" in decoded ? () => this.#reject(bad, decoded.problem) : () => handle(decoded.message),
      drop: (error) => this.#reject(bad, `handler failed: ${messageOf(error)}`),
      done,
    });
  }

  /** Resolves once the broker has stored the dead letter; until then, the message is not handled. */
  async #reject(bad: BadMessage, reason: string): Promise<void> {
    const { parts, names, publisher, subscription } = this.#options;
    await publisher.send(deadLetter(bad, { to: names.deadLetters, group: names.group, reason, at: parts.clock.now() }));
    subscription.onDeadLetter?.({
      topic: bad.topic,
      key: bad.key?.toString() ?? "",
      body: bad.value?.toString() ?? "",
      reason,
    });
  }
}

/** A message that could not be read or handled, as received. */
export interface BadMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** A message for the dead letter topic: the original bytes, their origin, and the reason. */
function deadLetter(bad: BadMessage, about: { to: string; group: string; reason: string; at: number }): Outgoing {
  const { topic, partition, offset, key, value } = bad;
  const { to, group, reason, at } = about;
  const letter = { v: 1, topic, partition, offset, group, reason, ts_ms: at };
  const body = { ...letter, value_base64: value === null ? null : value.toString("base64") };
  return { topic: to, key, value: Buffer.from(JSON.stringify(body)) };
}
