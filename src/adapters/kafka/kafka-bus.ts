import { randomUUID } from "node:crypto";
import type { Message } from "../../core/messages/messages.ts";
import type { Bus, BusHealth, SubscribeOptions, Subscription } from "../../core/ports/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { FlowError } from "../../errors/index.ts";
import { type BusParts, busParts } from "./client.ts";
import { GroupMember } from "./group-member.ts";
import { checkOptions, type KafkaBusOptions } from "./options.ts";
import { Publisher } from "./publisher.ts";
import { checkTopic, TopicCreation } from "./topic-creation.ts";
import { encode } from "./wire/codec.ts";

const deadLetterTopic = "dlq.v1";

/**
 * Creates a bus on Apache Kafka, for coordinators and workers in several processes. Missing topics are created. Each
 * message is a JSON envelope, described in docs/kafka.md. Its connections keep the process running until the bus, or
 * the engine that uses it, is closed.
 *
 * @example
 * const bus = kafkaBus({ brokers: ["kafka-1:9092", "kafka-2:9092"], prefix: "etl" })
 * const engine = await createEngine({ handlers, store, bus })
 *
 * @throws FlowError `ENGINE_OPTIONS`. `subscribe` throws `BUS_UNAVAILABLE` if the broker rejects it or, with `failFast`,
 * does not answer in time. `publish` throws `BUS_UNAVAILABLE` if `maxBuffered` messages are already waiting, and
 * `MESSAGE_TOO_LARGE` for a message larger than `maxMessageBytes`
 */
export function kafkaBus(options: KafkaBusOptions): Bus {
  return new KafkaBus(options);
}

class KafkaBus implements Bus {
  readonly #parts: BusParts;
  readonly prefix: string;
  readonly #groupPrefix: string;
  readonly #topics: TopicCreation;
  readonly #publisher: Publisher;
  readonly #members = new Set<GroupMember>();
  /** Topics by group. Within this process they must be equal; members of another version may have others. */
  readonly #topicsOf = new Map<string, string>();
  #restarts = 0;
  #closing: Promise<void> | undefined;

  constructor(given: KafkaBusOptions) {
    const options = checkOptions(given);
    this.#parts = busParts(given, options, systemClock());
    this.prefix = options.prefix === "" ? "" : `${options.prefix}.`;
    this.#groupPrefix = `${options.groupPrefix ?? (options.prefix || "flowkit")}.`;
    this.#topics = new TopicCreation(this.#parts);
    this.#publisher = new Publisher(this.#parts, this.#topics);
  }

  async publish(topic: string, key: string, message: Message): Promise<void> {
    this.#checkOpen();
    const name = this.#topic(topic);
    const { value, headers } = encode(message, { corrId: randomUUID(), sentAt: this.#parts.clock.now() });
    // Not awaited: messages are hints, and publishing one does not wait for a broker. Dropped ones are logged and
    // counted.
    this.#publisher.send({ topic: name, key, value, headers }).catch(() => {});
  }

  async subscribe(subscription: SubscribeOptions): Promise<Subscription> {
    this.#checkOpen();
    const topics = subscription.topics.map((topic) => this.#topic(topic));
    this.#checkTopicsOf(subscription.group, topics);
    const names = {
      group: `${this.#groupPrefix}${subscription.group}`,
      topics,
      deadLetters: this.#topic(deadLetterTopic),
    };
    const member = new GroupMember({
      parts: this.#parts,
      topics: this.#topics,
      publisher: this.#publisher,
      subscription,
      names,
    });
    this.#members.add(member);
    const close = () => member.close().finally(() => this.#forget(member));
    try {
      await member.start();
    } catch (error) {
      await close();
      throw error;
    }
    return { close };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      try {
        await Promise.all([...this.#members].map((member) => member.close()));
        await this.#publisher.close();
      } finally {
        this.#parts.sockets.close();
      }
    })();
    return this.#closing;
  }

  health(): BusHealth {
    const members = [...this.#members];
    const status = members.every(({ hasJoined }) => hasJoined) ? "unreachable" : "connecting";
    const since = [this.#publisher.failingSince, ...members.map(({ awaySince }) => awaySince)].filter(
      (time) => time !== undefined,
    );
    const lastError = this.#publisher.lastError ?? members.find((member) => member.lastError !== undefined)?.lastError;
    return {
      ...(since.length === 0 ? { status: "ok" } : { status, since: Math.min(...since) }),
      restarts: members.reduce((sum, { restarts }) => sum + restarts, this.#restarts),
      dropped: this.#publisher.dropped,
      ...(lastError === undefined ? {} : { lastError }),
    };
  }

  #forget(member: GroupMember): void {
    if (this.#members.delete(member)) this.#restarts += member.restarts;
  }

  #topic(topic: string): string {
    const name = `${this.prefix}${topic}`;
    checkTopic(name);
    return name;
  }

  #checkTopicsOf(group: string, topics: readonly string[]): void {
    const requested = topics.toSorted().join(", ");
    const known = this.#topicsOf.get(group) ?? requested;
    this.#topicsOf.set(group, known);
    if (known === requested) return;
    throw new FlowError(
      "ENGINE_OPTIONS",
      `group '${group}' is already subscribed to ${known}: all members of a group must subscribe to the same topics`,
      {
        details: { group },
      },
    );
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new FlowError("ENGINE_STOPPED", "this Kafka bus is closed");
  }
}
