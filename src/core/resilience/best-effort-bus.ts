import type { Logger } from "../../definitions/index.ts";
import { FlowError } from "../../errors/index.ts";
import { isAnnounceKind, isMessageKind, type Message } from "../messages/messages.ts";
import type { DeadLetter } from "../model/records.ts";
import type { Bus, BusHealth, Ids, Store } from "../ports/index.ts";

/** The status methods of a bus, for wrappers around it. */
const busStatus = (bus: Bus): Pick<Bus, "prefix" | "health"> => ({
  ...(bus.prefix === undefined ? {} : { prefix: bus.prefix }),
  ...(bus.health === undefined ? {} : { health: () => bus.health?.() ?? quiet }),
});

const quiet: BusHealth = { status: "ok", restarts: 0, dropped: 0 };

/** Whether messages arrive, as far as the bus knows. While they do not, changes must be polled for. */
export const isHealthy = (bus: Bus): boolean => (bus.health?.().status ?? "ok") === "ok";

/**
 * A bus for hints. A hint that cannot be sent costs only time, as sweeps find what it would have announced: the failure
 * is logged, and never fails an attempt or a call.
 *
 * @param options.throwsTooLarge - for messages that are more than hints, such as those to external programs: one that
 * exceeds the bus's limit would be lost every time, so the sender must know
 */
export function bestEffortBus(bus: Bus, logger: Logger, options: { readonly throwsTooLarge?: boolean } = {}): Bus {
  return {
    publish: (topic, key, message) =>
      bus.publish(topic, key, message).catch((error: unknown) => {
        if (options.throwsTooLarge === true && FlowError.is(error, "MESSAGE_TOO_LARGE")) throw error;
        logger.warn({ topic, key, err: error }, "a message could not be sent; a sweep will find what it announced");
      }),
    subscribe: (options) => bus.subscribe(options),
    close: () => bus.close(),
    ...busStatus(bus),
  };
}

const longestBody = 4_096;

/** Stores messages that could not be read or handled, for inspection, and counts them. */
export class DeadLetters {
  readonly #parts: { readonly store: Pick<Store, "addDeadLetter">; readonly ids: Ids; readonly logger: Logger };
  readonly #open = new Set<Promise<void>>();
  #count = 0;

  constructor(parts: { readonly store: Pick<Store, "addDeadLetter">; readonly ids: Ids; readonly logger: Logger }) {
    this.#parts = parts;
  }

  /** Since the start of this process. */
  get count(): number {
    return this.#count;
  }

  /** Never rejects: messages are hints, and so is their record. */
  add(letter: Pick<DeadLetter, "topic" | "key" | "reason"> & { readonly message: unknown }): Promise<void> {
    const { store, ids, logger } = this.#parts;
    const { topic, key, reason, message } = letter;
    this.#count++;
    logger.warn({ topic, key, reason }, "a message could not be read or handled; stored as a dead letter");
    const body = bodyOf(message).slice(0, longestBody);
    const adding = store
      .addDeadLetter({ id: ids.next(), topic, key, body, reason })
      .catch((error: unknown) => logger.warn({ topic, key, err: error }, "a dead letter could not be stored"))
      .finally(() => this.#open.delete(adding));
    this.#open.add(adding);
    return adding;
  }

  /** Resolves when all letters added so far are stored. */
  async settled(): Promise<void> {
    await Promise.all(this.#open);
  }

  /** A bus whose subscribers receive only readable messages; the others are acknowledged and stored. */
  guard(bus: Bus): Bus {
    return {
      publish: (topic, key, message) => bus.publish(topic, key, message),
      subscribe: (options) =>
        bus.subscribe({
          ...options,
          onDeadLetter: ({ body, ...letter }) => {
            options.onDeadLetter?.({ body, ...letter });
            void this.add({ ...letter, message: body });
          },
          handle: (message) => {
            if (isMessage(message)) return options.handle(message);
            const [topic, ...others] = options.topics;
            const from = topic === undefined || others.length > 0 ? options.group : topic;
            return this.add({ topic: from, key: "", reason: "not a message known to this version", message });
          },
        }),
      close: () => bus.close(),
      ...busStatus(bus),
    };
  }
}

function isMessage(message: unknown): message is Message {
  if (typeof message !== "object" || message === null) return false;
  const { kind, taskId, nodeId, shard, epoch, workerId } = message as { readonly [key: string]: unknown };
  if (typeof kind !== "string" || !isMessageKind(kind)) return false;
  if (isAnnounceKind(kind)) return typeof workerId === "string";
  const names = typeof taskId === "string" && typeof nodeId === "string";
  return names && typeof shard === "number" && typeof epoch === "number";
}

function bodyOf(message: unknown): string {
  if (typeof message === "string") return message;
  try {
    return JSON.stringify(message) ?? String(message);
  } catch {
    return String(message); // a cycle or a bigint, which JSON cannot represent
  }
}
