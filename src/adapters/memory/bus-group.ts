import type { Message } from "../../core/messages/messages.ts";
import type { Clock, SubscribeOptions } from "../../core/ports/index.ts";

/** A message whose deliveries have all failed. */
export interface UndeliveredMessage {
  readonly topic: string;
  readonly key: string;
  readonly group: string;
  readonly message: Message;
  /** The error of the last delivery. */
  readonly error: unknown;
}

interface Posted {
  readonly topic: string;
  readonly key: string;
  readonly message: Message;
}

/** The waiting messages of one topic and key, in order. While one is being delivered, the lane is not queued. */
interface Lane {
  readonly id: string;
  readonly waiting: Posted[];
}

interface Member {
  readonly handle: SubscribeOptions["handle"];
  /** Calls of `handle` that have not returned. */
  running: number;
  /** Called when there are no such calls any more. */
  readonly onIdle: (() => void)[];
}

const idle = (member: Member): Promise<void> =>
  member.running === 0 ? Promise.resolve() : new Promise((resolve) => member.onIdle.push(resolve));

export interface GroupOptions {
  readonly name: string;
  readonly topics: ReadonlySet<string>;
  readonly clock: Clock;
  readonly turns: Turns;
  readonly maxDeliveries: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  readonly onDeadLetter: ((letter: UndeliveredMessage) => void) | undefined;
}

/**
 * Members that share the messages of their topics. A lane with something to deliver waits in `#ready`; its turn sends
 * one message to the next member, and the lane queues again, at the back, only when that message was acknowledged or
 * dropped. So a key keeps its order, is never handled twice at once, and no key starves another.
 */
export class Group {
  readonly #options: GroupOptions;
  readonly #lanes = new Map<string, Lane>();
  #ready: Lane[] = [];
  #members: readonly Member[] = [];
  #turn = 0;
  #inRounds = false;
  readonly #closed = new AbortController();

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get topics(): ReadonlySet<string> {
    return this.#options.topics;
  }

  get isEmpty(): boolean {
    return this.#members.length === 0;
  }

  /** Returns a function that ends the membership. */
  join(handle: SubscribeOptions["handle"]): () => Promise<void> {
    const member: Member = { handle, running: 0, onIdle: [] };
    this.#members = [...this.#members, member];
    return async () => {
      this.#members = this.#members.filter((other) => other !== member);
      if (this.isEmpty) this.#stop();
      await idle(member);
    };
  }

  accept(posted: Posted): void {
    const id = `${posted.topic}\n${posted.key}`;
    const lane = this.#lanes.get(id);
    if (lane !== undefined) {
      lane.waiting.push(posted);
      return;
    }
    const fresh: Lane = { id, waiting: [posted] };
    this.#lanes.set(id, fresh);
    this.#queue(fresh);
  }

  async close(): Promise<void> {
    const members = this.#members;
    this.#members = [];
    this.#stop();
    await Promise.all(members.map(idle));
  }

  #stop(): void {
    this.#closed.abort();
    this.#lanes.clear();
    this.#ready = [];
  }

  #queue(lane: Lane): void {
    this.#ready.push(lane);
    if (this.#inRounds) return;
    this.#inRounds = true;
    void this.#rounds();
  }

  /** A round takes the lanes that are ready when it starts; messages that its handlers publish wait for the next. */
  async #rounds(): Promise<void> {
    while (this.#ready.length > 0) {
      await this.#options.turns.next();
      const round = this.#ready;
      this.#ready = [];
      this.#options.turns.took(round.length);
      for (const lane of round) void this.#deliver(lane);
    }
    this.#inRounds = false;
  }

  /** Never rejects: an error of a handler leads to another delivery or to a dead letter. */
  async #deliver(lane: Lane): Promise<void> {
    const posted = lane.waiting[0];
    if (posted === undefined) return;
    for (let delivery = 1; ; delivery++) {
      const failure = await this.#handle(posted);
      if (this.#closed.signal.aborted) return;
      if (failure === undefined) break;
      if (delivery >= this.#options.maxDeliveries) {
        this.#giveUp(posted, failure.error);
        break;
      }
      await this.#options.clock.sleep(this.#backoff(delivery), this.#closed.signal);
      if (this.#closed.signal.aborted) return;
    }
    lane.waiting.shift();
    if (lane.waiting.length > 0) this.#queue(lane);
    else this.#lanes.delete(lane.id);
  }

  async #handle({ message }: Posted): Promise<{ readonly error: unknown } | undefined> {
    const member = this.#members[this.#turn++ % this.#members.length];
    if (member === undefined) return undefined;
    member.running++;
    try {
      await member.handle(message);
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      if (--member.running === 0) for (const ended of member.onIdle.splice(0)) ended();
    }
  }

  #giveUp({ topic, key, message }: Posted, error: unknown): void {
    const { name, onDeadLetter } = this.#options;
    if (onDeadLetter === undefined) return;
    queueMicrotask(() => onDeadLetter({ topic, key, group: name, message, error }));
  }

  #backoff(delivery: number): number {
    const { backoffMs, maxBackoffMs } = this.#options;
    return Math.min(maxBackoffMs, backoffMs * 2 ** (delivery - 1));
  }
}

/** Deliveries in a row before timers and I/O of the process run. */
const deliveriesInARow = 256;

/**
 * Runs each group's deliveries in rounds: a round is a microtask, so a message costs no timer, and a busy group yields
 * to the other groups after each round and, now and then, to the event loop.
 */
export class Turns {
  readonly #clock: Clock;
  #inARow = 0;
  #resting: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the next round may start; never in the same step. */
  next(): Promise<void> {
    if (this.#resting !== undefined) return this.#resting;
    if (this.#inARow < deliveriesInARow) return Promise.resolve();
    this.#inARow = 0;
    this.#resting = this.#clock.yield().then(() => {
      this.#resting = undefined;
    });
    return this.#resting;
  }

  took(deliveries: number): void {
    this.#inARow += deliveries;
  }
}
