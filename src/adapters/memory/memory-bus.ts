import type { Message } from "../../core/messages/messages.ts";
import type { Bus, Clock, SubscribeOptions, Subscription } from "../../core/ports/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { FlowError } from "../../errors/index.ts";
import { checkOptionNames } from "../../graph/format/near-name.ts";
import { Group, Turns, type UndeliveredMessage } from "./bus-group.ts";

/** How a {@link memoryBus} delivers. Times in milliseconds. */
export interface MemoryBusOptions {
  /** Used only for waits between deliveries. @defaultValue a system clock whose timers let the process exit */
  readonly clock?: Clock;
  /** How often a message is delivered before it is dropped. @defaultValue 5 */
  readonly maxDeliveries?: number;
  /** The delay before the second delivery; doubles with each further one. @defaultValue 50 */
  readonly backoffMs?: number;
  /** @defaultValue 5000 */
  readonly maxBackoffMs?: number;
  /** Called with each message that is dropped. What it throws is an uncaught exception. */
  readonly onDeadLetter?: (letter: UndeliveredMessage) => void;
}

/**
 * A bus within one process. Messages of one topic and key are handled one after another, those of different keys
 * concurrently. A group without members receives and keeps nothing: messages are hints.
 *
 * @example
 * const bus = memoryBus()
 * await bus.subscribe({ group: "coordinators", topics: ["status.clean.v1"], handle: async (message) => look(message) })
 * await bus.publish("status.clean.v1", "t1:clean", message) // resolves before `handle` is called
 *
 * @throws FlowError `ENGINE_OPTIONS` when an option is out of range
 */
export function memoryBus(options: MemoryBusOptions = {}): Bus {
  return new MemoryBus(options);
}

const knownOptions: Readonly<Record<keyof MemoryBusOptions, true>> = {
  clock: true,
  maxDeliveries: true,
  backoffMs: true,
  maxBackoffMs: true,
  onDeadLetter: true,
};

class MemoryBus implements Bus {
  readonly #groups = new Map<string, Group>();
  /** The groups that listen to a topic. */
  readonly #listeners = new Map<string, Group[]>();
  readonly #newGroup: (name: string, topics: ReadonlySet<string>) => Group;
  #closing: Promise<void> | undefined;

  constructor(options: MemoryBusOptions) {
    const { maxDeliveries = 5, backoffMs = 50, maxBackoffMs = 5_000, onDeadLetter } = options;
    checkOptionNames("memoryBus", options, knownOptions);
    if (!Number.isInteger(maxDeliveries) || maxDeliveries < 1) {
      throw new FlowError("ENGINE_OPTIONS", `maxDeliveries must be an integer of at least 1, got ${maxDeliveries}`);
    }
    const clock = options.clock ?? systemClock({ unref: true });
    const turns = new Turns(clock);
    this.#newGroup = (name, topics) =>
      new Group({ name, topics, clock, turns, maxDeliveries, backoffMs, maxBackoffMs, onDeadLetter });
  }

  async publish(topic: string, key: string, message: Message): Promise<void> {
    if (this.#closing !== undefined) throw closed();
    for (const group of this.#listeners.get(topic) ?? []) group.accept({ topic, key, message });
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    if (this.#closing !== undefined) throw closed();
    const group = this.#group(options.group, new Set(options.topics));
    const leave = group.join(options.handle);
    let closing: Promise<void> | undefined;
    return {
      close: () => {
        closing ??= leave();
        if (group.isEmpty) this.#forget(group);
        return closing;
      },
    };
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all([...this.#groups.values()].map((group) => group.close())).then(() => undefined);
    return this.#closing;
  }

  #group(name: string, topics: ReadonlySet<string>): Group {
    const known = this.#groups.get(name);
    if (known !== undefined) {
      if (isSameSet(known.topics, topics)) return known;
      throw new FlowError(
        "ENGINE_OPTIONS",
        `group '${name}' is already subscribed to ${[...known.topics].join(", ")}: all members of a group must subscribe to the same topics`,
        { details: { group: name, topics: [...known.topics], asked: [...topics] } },
      );
    }
    const group = this.#newGroup(name, topics);
    this.#groups.set(name, group);
    for (const topic of topics) this.#listeners.set(topic, [...(this.#listeners.get(topic) ?? []), group]);
    return group;
  }

  #forget(group: Group): void {
    if (this.#groups.get(group.name) !== group) return;
    this.#groups.delete(group.name);
    for (const topic of group.topics) {
      const others = (this.#listeners.get(topic) ?? []).filter((listener) => listener !== group);
      if (others.length > 0) this.#listeners.set(topic, others);
      else this.#listeners.delete(topic);
    }
  }
}

const closed = (): FlowError => new FlowError("ENGINE_STOPPED", "this memory bus is closed");

const isSameSet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((item) => b.has(item));
