import type { Message } from "../../core/messages/messages.ts";
import { type EpochRef, shardKey } from "../../core/model/records.ts";
import type { Bus, SubscribeOptions, Subscription } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import type { ParkOptions, ProcessLife, Scheduler } from "../scheduler/scheduler.ts";
import { showArguments } from "./trace-lines.ts";

export interface BusFaults {
  lose: number;
  /** Rejected: publishing throws. */
  reject: number;
  duplicate: number;
  /** Longest delay of a message, in ms. Messages have no order in any case. */
  delayMs: number;
}

interface Member {
  readonly life: ProcessLife;
  readonly handle: SubscribeOptions["handle"];
  open: boolean;
  readonly running: Set<Promise<void>>;
}

interface Group {
  readonly topics: ReadonlySet<string>;
  readonly members: Member[];
}

const maxDeliveries = 5;
const redeliverMs = 200;
/** If messages may be refused, the broker is also unavailable part of the time, and reports it. */
const awayMs = 2_000;
const awayInTurns = 4;

/**
 * A broker worse than any real one: messages may be lost, duplicated, delayed and reordered, even within one key. A
 * message whose handler rejects is redelivered a few times.
 */
export class SimBroker {
  readonly #scheduler: Scheduler;
  readonly #faults: BusFaults;
  readonly #onRejected: (error: unknown) => void;
  readonly #groups = new Map<string, Group>();
  /** By attempt: the process that last received its command. */
  readonly #notified = new Map<string, ProcessLife>();
  /** By attempt: the worker that its cancel was last sent to. */
  readonly #cancels = new Map<string, string>();

  constructor(scheduler: Scheduler, faults: BusFaults, onRejected: (error: unknown) => void) {
    this.#scheduler = scheduler;
    this.#faults = faults;
    this.#onRejected = onRejected;
  }

  /** The process that last received the command to claim this attempt. */
  lastNotified(ref: EpochRef): ProcessLife | undefined {
    return this.#notified.get(attemptKey(ref));
  }

  /** The worker that the cancel of this attempt was last sent to. */
  cancelSentTo(ref: EpochRef): string | undefined {
    return this.#cancels.get(attemptKey(ref));
  }

  /** The broker as one process sees it. */
  busOf(life: ProcessLife): Bus {
    return {
      publish: async (topic, _key, message) => {
        await this.#scheduler.park(life, `publish ${topic}`, { request: true, ...this.#shown(message) });
        if (this.#isAway || this.#scheduler.random.chance(this.#faults.reject))
          throw new Error("the simulated bus is unreachable");
        this.#send(topic, message);
        await this.#scheduler.park(life, "publish ->");
      },
      subscribe: async (options) => {
        await this.#scheduler.park(life, "subscribe", { request: true });
        const subscription = this.#join(life, options);
        await this.#scheduler.park(life, "subscribe ->");
        return subscription;
      },
      close: async () => {},
      health: () => ({ status: this.#isAway ? "unreachable" : "ok", restarts: 0, dropped: 0 }),
    };
  }

  get #isAway(): boolean {
    return this.#faults.reject > 0 && Math.floor(this.#scheduler.now / awayMs) % awayInTurns === awayInTurns - 1;
  }

  #join(life: ProcessLife, options: SubscribeOptions): Subscription {
    const member: Member = { life, handle: options.handle, open: true, running: new Set() };
    const group = this.#groups.get(options.group);
    if (group === undefined) {
      this.#groups.set(options.group, { topics: new Set(options.topics), members: [member] });
    } else group.members.push(member);
    return {
      close: async () => {
        member.open = false;
        await Promise.all(member.running);
      },
    };
  }

  #shown(message: Message): ParkOptions {
    return this.#scheduler.isTraced ? { detail: () => showArguments([message]) } : {};
  }

  #send(topic: string, message: Message): void {
    const { random } = this.#scheduler;
    if (message.kind === "CANCEL") this.#cancels.set(attemptKey(message), message.targetWorkerId);
    for (const [name, group] of this.#groups) {
      if (!group.topics.has(topic) || random.chance(this.#faults.lose)) continue;
      const copies = random.chance(this.#faults.duplicate) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const delayMs = random.chance(0.5) ? random.int(this.#faults.delayMs + 1) : 0;
        this.#deliver({ group, label: name, message, delivery: 1 }, delayMs);
      }
    }
  }

  #deliver(
    post: { readonly group: Group; readonly label: string; readonly message: Message; readonly delivery: number },
    delayMs: number,
  ): void {
    const deliver = () => {
      const members = post.group.members.filter(({ life, open }) => life.alive && open);
      const member = members[this.#scheduler.random.int(members.length)];
      if (member === undefined) return;
      if (post.message.kind === "TASK_START") this.#notified.set(attemptKey(post.message), member.life);
      const running = this.#scheduler
        .park(member.life, post.label, this.#shown(post.message))
        .then(() => member.handle(post.message))
        .catch((error: unknown) => {
          if (!FlowError.is(error, "STORE_UNAVAILABLE")) this.#onRejected(error);
          else if (post.delivery < maxDeliveries) {
            this.#deliver({ ...post, delivery: post.delivery + 1 }, redeliverMs * post.delivery);
          }
        });
      member.running.add(running);
      void running.then(() => member.running.delete(running));
    };
    const queue = () => this.#scheduler.run(`route to ${post.label}`, deliver);
    if (delayMs === 0) queue();
    else this.#scheduler.after(delayMs, undefined, queue);
  }
}

const attemptKey = (ref: EpochRef): string => `${shardKey(ref)}:${ref.epoch}`;
