import {
  AssignerProtocol,
  type Cluster,
  type Consumer,
  type EachBatchPayload,
  type GroupMember,
  type KafkaMessage,
  type PartitionAssigner,
} from "kafkajs";
import { type BusParts, driverRetry } from "./client.ts";
import { isRefusal, within } from "./driver-error.ts";
import type { Position } from "./private-group.ts";

const fetchWaitMs = 500;
const commitEveryMs = 50;

export interface ReadMessage extends Pick<KafkaMessage, "key" | "value" | "headers" | "offset" | "timestamp"> {
  readonly topic: string;
  readonly partition: number;
}

export interface SessionOptions {
  readonly parts: BusParts;
  readonly group: string;
  readonly topics: readonly string[];
  /** Where a group without offsets starts: at the beginning of its topics, or at their end. */
  readonly fromBeginning: boolean;
  /** Accepts a message, and calls `handled` once it is handled. */
  readonly take: (message: ReadMessage, handled: () => void) => void;
  /** Resolves when more messages can be accepted, or after `ms`. */
  readonly whenNotFull: (ms: number) => Promise<void>;
  readonly isFull: () => boolean;
  /** The partitions were reassigned: messages not yet handled belong to their new owner. */
  readonly onAssigned: () => void;
}

/**
 * One consumer of the driver, from its connection to its crash or end. Reading runs ahead of handling: a message is
 * handed over as soon as it is read, but its offset is committed only after it was handled.
 */
export class ConsumerSession {
  readonly #options: SessionOptions;
  readonly #consumer: Consumer;
  /** Resolves with the error that crashed the consumer, or when it is closed. */
  readonly #over = Promise.withResolvers<{ readonly error: unknown } | undefined>();
  readonly #joined = Promise.withResolvers<void>();
  readonly #committed = new Map<string, string>();
  #partitions = new Map<
    string,
    { readonly topic: string; readonly partition: number; readonly handled: HandledOffsets }
  >();
  #committing: Promise<void> | undefined;
  #starting: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #hasJoined = false;
  #ended = new AbortController();

  constructor(options: SessionOptions) {
    this.#options = options;
    const { sessionTimeoutMs, heartbeatMs } = options.parts.options;
    this.#consumer = options.parts.kafka.consumer({
      groupId: options.group,
      partitionAssigners: [topicAssigner],
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: sessionTimeoutMs * 2,
      heartbeatInterval: heartbeatMs,
      maxWaitTimeInMs: fetchWaitMs,
      allowAutoTopicCreation: false,
      // Any crash ends the session; the only way to restart is a new consumer.
      retry: { ...driverRetry, restartOnFailure: async () => false },
    });
    this.#consumer.on(this.#consumer.events.CRASH, ({ payload }) => this.#over.resolve({ error: payload.error }));
    this.#consumer.on(this.#consumer.events.GROUP_JOIN, () => {
      this.#partitions = new Map();
      this.#committed.clear();
      options.onAssigned();
      this.#hasJoined = true;
      this.#joined.resolve();
    });
  }

  /**
   * Resolves once it has joined the group.
   *
   * @param from - positions to start at, regardless of committed offsets
   */
  start(from: readonly Position[] = []): Promise<void> {
    this.#starting = this.#start(from);
    return this.#starting;
  }

  async #start(from: readonly Position[]): Promise<void> {
    const consumer = this.#consumer;
    const { topics, fromBeginning } = this.#options;
    this.#checkOpen();
    await consumer.connect();
    this.#checkOpen();
    await consumer.subscribe({ topics: [...topics], fromBeginning });
    this.#checkOpen();
    // Seeks before the driver fetches anything, which it does after emitting the join event.
    const stopSeeking = consumer.on(consumer.events.GROUP_JOIN, () => {
      stopSeeking();
      for (const position of from) consumer.seek(position);
    });
    const running = consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 4,
      eachBatch: (payload) => this.#onBatch(payload),
    });
    this.#running = running.catch((error: unknown) => this.#over.resolve({ error }));
    const crashed = await Promise.race([this.#joined.promise, this.#over.promise]);
    if (crashed !== undefined) throw crashed.error;
    await running; // otherwise a stop at this point would wait forever
  }

  /**
   * Resolves when it is closed.
   *
   * @throws the error that crashed the consumer
   */
  async over(): Promise<void> {
    const crashed = await this.#over.promise;
    if (crashed !== undefined) throw crashed.error;
  }

  /** Stops reading. {@link close} commits what has been handled by then. */
  stopReading(): void {
    this.#ended.abort();
  }

  async close(): Promise<void> {
    const { clock, options, logger } = this.#options.parts;
    this.stopReading();
    this.#over.resolve(undefined);
    this.#joined.resolve();
    const end = async () => {
      await this.#starting?.catch(() => {}); // reported by `start`; a pending start would reconnect
      await this.#running; // stopping the driver before it has joined would wait forever
      await this.#committing;
      if (this.#hasJoined) await this.#commit();
      await this.#consumer.disconnect();
    };
    const inTime = await within(clock, options.closeTimeoutMs, end()).catch(() => true); // failed, so closed
    if (!inTime) logger.warn({ part: "kafka", group: this.#options.group }, "closing a consumer timed out");
  }

  #checkOpen(): void {
    if (this.#ended.signal.aborted) throw new Error("closed before it started");
  }

  async #onBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
    const { take, whenNotFull, isFull } = this.#options;
    const { topic, partition } = batch;
    const partitions = this.#partitions;
    const hasEnded = () => !isRunning() || isStale() || this.#ended.signal.aborted || partitions !== this.#partitions;
    for (const message of batch.messages) {
      while (isFull() && !hasEnded()) {
        await whenNotFull(this.#options.parts.options.heartbeatMs);
        await heartbeat();
      }
      if (hasEnded()) return;
      const handled = this.#handledOf(topic, partition).begin(message.offset);
      const { key, value, headers, offset, timestamp } = message;
      take({ topic, partition, key, value, ...(headers === undefined ? {} : { headers }), offset, timestamp }, () => {
        handled();
        this.#commitSoon();
      });
      resolveOffset(message.offset);
    }
    await heartbeat();
  }

  #handledOf(topic: string, partition: number): HandledOffsets {
    const name = `${topic}/${partition}`;
    const known = this.#partitions.get(name);
    if (known !== undefined) return known.handled;
    const handled = new HandledOffsets();
    this.#partitions.set(name, { topic, partition, handled });
    return handled;
  }

  #commitSoon(): void {
    if (this.#ended.signal.aborted) return;
    this.#committing ??= this.#commitLater().finally(() => {
      this.#committing = undefined;
    });
  }

  async #commitLater(): Promise<void> {
    await this.#options.parts.clock.sleep(commitEveryMs, this.#ended.signal);
    await this.#commit();
  }

  /** Never rejects: messages that are not committed are delivered again. */
  async #commit(): Promise<void> {
    const { parts, group } = this.#options;
    const partitions = this.#partitions;
    const offsets = [...partitions].flatMap(([name, { topic, partition, handled }]) => {
      const { next } = handled;
      return next === undefined || next === this.#committed.get(name) ? [] : [{ name, topic, partition, offset: next }];
    });
    if (offsets.length === 0) return;
    try {
      await this.#consumer.commitOffsets(offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset })));
      if (partitions !== this.#partitions) return;
      for (const { name, offset } of offsets) this.#committed.set(name, offset);
    } catch (error) {
      const why = parts.redact(error instanceof Error ? error.message : String(error));
      parts.logger.debug(
        { part: "kafka", group, why },
        "offsets were not committed: their messages may be delivered again",
      );
    }
  }
}

interface Entry {
  readonly offset: string;
  handled: boolean;
}

/**
 * The handled offsets of a partition in one assignment. Messages with different keys are handled concurrently and end
 * in any order; only those before the first unhandled one may be committed.
 */
export class HandledOffsets {
  readonly #entries: Entry[] = [];
  #next: string | undefined;

  /** @returns a function to call once the message is handled */
  begin(offset: string): () => void {
    const entry: Entry = { offset, handled: false };
    this.#entries.push(entry);
    return () => {
      entry.handled = true;
    };
  }

  /** The offset to commit: all messages before it are handled. */
  get next(): string | undefined {
    let ended = 0;
    while (this.#entries[ended]?.handled === true) ended++;
    const last = this.#entries.splice(0, ended).at(-1);
    if (last !== undefined) this.#next = String(BigInt(last.offset) + 1n);
    return this.#next;
  }
}

const { MemberAssignment, MemberMetadata } = AssignerProtocol;
const version = 0;

interface Subscriber {
  readonly memberId: string;
  readonly topics: ReadonlySet<string>;
}

/**
 * Assigns each partition to a member that subscribes to its topic. The driver's own assigner assigns the topics of the
 * group's leader to all members. If members subscribe to different topics, as in a rolling upgrade, some topics would
 * not be consumed.
 */
export const topicAssigner: PartitionAssigner = ({ cluster, logger }) => ({
  name: "RoundRobinAssigner", // the name of the driver's assigner, so that members using it can join
  version,

  protocol({ topics }) {
    return { name: this.name, metadata: MemberMetadata.encode({ version, topics, userData: Buffer.alloc(0) }) };
  },

  async assign({ members, topics: own }) {
    const subscribers = members.map(subscriberOf).toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1));
    const topics = [...new Set(subscribers.flatMap((subscriber) => [...subscriber.topics]))].toSorted();
    try {
      await cluster.addMultipleTargetTopics(topics);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const inaccessible = topics.filter((topic) => !own.includes(topic)).join(", ");
      logger.warn(
        `This member leads its group but may not access topics of other members, which will not be consumed: ${inaccessible}`,
        {
          error,
        },
      );
    }
    return [...roundRobin(cluster, topics, subscribers)].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }),
    }));
  },
});

function subscriberOf({ memberId, memberMetadata }: GroupMember): Subscriber {
  return { memberId, topics: new Set(MemberMetadata.decode(memberMetadata)?.topics) };
}

/** Assigns partitions in turn to the subscribers of their topics. */
function roundRobin(
  cluster: Pick<Cluster, "findTopicPartitionMetadata">,
  topics: readonly string[],
  subscribers: readonly Subscriber[],
): ReadonlyMap<string, Record<string, number[]>> {
  const assignments = new Map<string, Record<string, number[]>>();
  let turn = 0;
  for (const topic of topics) {
    const candidates = subscribers.filter((subscriber) => subscriber.topics.has(topic));
    for (const { partitionId } of cluster.findTopicPartitionMetadata(topic)) {
      const { memberId } = candidates[turn++ % candidates.length] as Subscriber;
      const assignment = assignments.get(memberId) ?? {};
      assignments.set(memberId, assignment);
      assignment[topic] = [...(assignment[topic] ?? []), partitionId];
    }
  }
  return assignments;
}
