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

export interface ReadMessage extends Pick<KafkaMessage, "key" | "value" | "headers" | "offset"> {
  readonly topic: string;
  readonly partition: number;
}

export interface SessionOptions {
  readonly parts: BusParts;
  readonly group: string;
  readonly topics: readonly string[];
  /** A group without offsets begins where topics begin, or else where they end. */
  readonly fromBeginning: boolean;
  /** Takes a message over; calls `handled` when it is. */
  readonly take: (message: ReadMessage, handled: () => void) => void;
  /** Resolves when more can be taken; the argument is the longest that it may wait, in ms. */
  readonly room: (mostMs: number) => Promise<void>;
  readonly isFull: () => boolean;
  /** What was taken and isn't handled belongs to whoever is assigned it now. */
  readonly onAssigned: () => void;
}

/**
 * One consumer of the driver, from its connection to its crash or end. Reading is not handling: what is read is handed
 * over at once, the position moves on, and what is committed is what was handled.
 */
export class ConsumerSession {
  readonly #options: SessionOptions;
  readonly #consumer: Consumer;
  /** Resolves with what it crashed of, or when it is closed. */
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
      // A crash ends the session, of whatever kind it is: there is one way to begin again, with a consumer that is new.
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
   * Resolves when the group has made it a member.
   *
   * @param from - where it begins to read, whatever the group has committed
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
    // Before the driver fetches anything: it does so after it has told of the join.
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
    await running; // or a stop that comes now would wait for ever
  }

  /**
   * Resolves when it is closed.
   *
   * @throws what it crashed of
   */
  async over(): Promise<void> {
    const crashed = await this.#over.promise;
    if (crashed !== undefined) throw crashed.error;
  }

  /** Reads no more. What is handled by now, or soon, is committed in {@link close}. */
  stopReading(): void {
    this.#ended.abort();
  }

  async close(): Promise<void> {
    const { clock, options, logger } = this.#options.parts;
    this.stopReading();
    this.#over.resolve(undefined);
    this.#joined.resolve();
    const end = async () => {
      await this.#starting?.catch(() => {}); // whoever started it is told; what goes on would connect again
      await this.#running; // a driver that is stopped before it has joined waits for ever
      await this.#committing;
      if (this.#hasJoined) await this.#commit();
      await this.#consumer.disconnect();
    };
    const inTime = await within(clock, options.closeTimeoutMs, end()).catch(() => true); // broken, and so closed
    if (!inTime) logger.warn({ part: "kafka", group: this.#options.group }, "a consumer could not be closed in time");
  }

  #checkOpen(): void {
    if (this.#ended.signal.aborted) throw new Error("closed before it had started");
  }

  async #onBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
    const { take, room, isFull } = this.#options;
    const { topic, partition } = batch;
    const partitions = this.#partitions;
    const isOver = () => !isRunning() || isStale() || this.#ended.signal.aborted || partitions !== this.#partitions;
    for (const message of batch.messages) {
      while (isFull() && !isOver()) {
        await room(this.#options.parts.options.heartbeatMs);
        await heartbeat();
      }
      if (isOver()) return;
      const handled = this.#handledOf(topic, partition).begin(message.offset);
      const { key, value, headers, offset } = message;
      take({ topic, partition, key, value, ...(headers === undefined ? {} : { headers }), offset }, () => {
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

  /** Never rejects: what isn't committed comes again. */
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
 * What of a partition is handled, in one assignment. Messages of several keys are handled at once and end in any order;
 * what may be committed is what comes before the first that isn't handled.
 */
export class HandledOffsets {
  readonly #entries: Entry[] = [];
  #next: string | undefined;

  /** @returns what to call when the message is handled */
  begin(offset: string): () => void {
    const entry: Entry = { offset, handled: false };
    this.#entries.push(entry);
    return () => {
      entry.handled = true;
    };
  }

  /** The offset to go on from: all before it is handled. */
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

interface Listener {
  readonly memberId: string;
  readonly topics: ReadonlySet<string>;
}

/**
 * Hands each partition to a member that listens to its topic. The driver's own assigner hands the topics of the member
 * that happens to lead the group to anybody: where members have different ones, as while processes are exchanged for
 * newer ones, some would be read by nobody.
 */
export const topicAssigner: PartitionAssigner = ({ cluster, logger }) => ({
  name: "RoundRobinAssigner", // as the driver's is called, so that members with that one can be in the group
  version,

  protocol({ topics }) {
    return { name: this.name, metadata: MemberMetadata.encode({ version, topics, userData: Buffer.alloc(0) }) };
  },

  async assign({ members, topics: own }) {
    const listeners = members.map(listenerOf).toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1));
    const topics = [...new Set(listeners.flatMap((listener) => [...listener.topics]))].toSorted();
    try {
      await cluster.addMultipleTargetTopics(topics);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const others = topics.filter((topic) => !own.includes(topic)).join(", ");
      logger.warn(
        `This member leads its group but may not access topics of other members, which will not be consumed: ${others}`,
        {
          error,
        },
      );
    }
    return [...handedOut(cluster, topics, listeners)].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }),
    }));
  },
});

function listenerOf({ memberId, memberMetadata }: GroupMember): Listener {
  return { memberId, topics: new Set(MemberMetadata.decode(memberMetadata)?.topics) };
}

/** One partition after another, each to the next in turn of those that listen to its topic. */
function handedOut(
  cluster: Pick<Cluster, "findTopicPartitionMetadata">,
  topics: readonly string[],
  listeners: readonly Listener[],
): ReadonlyMap<string, Record<string, number[]>> {
  const assignments = new Map<string, Record<string, number[]>>();
  let turn = 0;
  for (const topic of topics) {
    const takers = listeners.filter((listener) => listener.topics.has(topic));
    for (const { partitionId } of cluster.findTopicPartitionMetadata(topic)) {
      const { memberId } = takers[turn++ % takers.length] as Listener;
      const assignment = assignments.get(memberId) ?? {};
      assignments.set(memberId, assignment);
      assignment[topic] = [...(assignment[topic] ?? []), partitionId];
    }
  }
  return assignments;
}
