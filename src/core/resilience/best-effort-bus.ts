import type { Logger } from "../../definitions/index.ts";
import { FlowError } from "../../errors/index.ts";
import type { Bus, BusHealth } from "../ports/index.ts";

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
