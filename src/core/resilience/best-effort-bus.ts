import type { Logger } from "../../definitions/index.ts";
import { FlowError } from "../../errors/index.ts";
import { isAnnounceKind, isMessageKind, type Message } from "../messages/messages.ts";
import type { DeadLetter } from "../model/records.ts";
import type { Bus, BusHealth, Ids, Store } from "../ports/index.ts";

/** What a bus says of itself, for whoever stands before it. */
export const busStatus = (bus: Bus): Pick<Bus, "prefix" | "health"> => ({
  ...(bus.prefix === undefined ? {} : { prefix: bus.prefix }),
  ...(bus.health === undefined ? {} : { health: () => bus.health?.() ?? quiet }),
});

const quiet: BusHealth = { status: "ok", restarts: 0, dropped: 0 };

/** Whether its messages can be counted on, as far as it knows. Without them, what they tell has to be looked for. */
export const isHealthy = (bus: Bus): boolean => (bus.health?.().status ?? "ok") === "ok";

/**
 * Sends hints. One that can't be sent costs time only, for the sweeps find what it would have told: it is logged, and
 * no attempt and no call fails over it.
 *
 * @param options.throwsTooLarge - for messages that are more than hints, as those to other programs are: a message that
 * the bus never carries is lost each time, so the sender has to know
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

/** Keeps what came over the bus and nobody could read or handle, so that somebody may look at it, and counts it. */
export class DeadLetters {
  readonly #parts: { readonly store: Pick<Store, "addDeadLetter">; readonly ids: Ids; readonly logger: Logger };
  readonly #open = new Set<Promise<void>>();
  #count = 0;

  constructor(parts: { readonly store: Pick<Store, "addDeadLetter">; readonly ids: Ids; readonly logger: Logger }) {
    this.#parts = parts;
  }

  /** Since this process began. */
  get count(): number {
    return this.#count;
  }

  /** Never rejects: a message is a hint, and so is what is kept of it. */
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

  /** Resolves when all that was added is stored. */
  async settled(): Promise<void> {
    await Promise.all(this.#open);
  }

  /** The bus, whose subscribers get what they can read; what they can't is acknowledged and kept. */
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
    return String(message); // a cycle, or a bigint: no JSON
  }
}
