import type { LogEntry } from "kafkajs";
import type { Logger } from "../../definitions/index.ts";
import type { Clock } from "../../engine/ports/index.ts";
import type { Redact } from "./redaction.ts";

/** A driver that reaches nobody says the same several times a second, for as long as that lasts. */
const quietMs = 30_000;
/** Messages with numbers of their own are all different. */
const mostKnown = 100;
/** What members of a group hear whenever another one joins or leaves, also of a commit that crosses it. */
const rebalancing = /^(The group is rebalancing|Specified group generation id is not valid)/;

/**
 * Where the driver logs to. Its errors are what the bus retries: they are news, not failures, and so warnings. The same
 * news within half a minute are of level debug; the next warning says how often they came. Of level debug too is what is
 * not news: members of a group that join and leave, and connections that this bus closes.
 */
export function driverLog({
  clock,
  logger,
  redact,
  isClosed,
}: {
  readonly clock: Pick<Clock, "monotonic">;
  readonly logger: Logger;
  readonly redact: Redact;
  /** Whether this bus closes its connections. */
  readonly isClosed: () => boolean;
}): (entry: Pick<LogEntry, "namespace" | "log">) => void {
  const known = new Map<string, { readonly at: number; repeats: number }>();
  return ({ namespace, log }) => {
    const { error, groupId, broker } = log;
    const given = Object.entries({ error, groupId, broker }).filter(([, value]) => typeof value === "string");
    const details = Object.fromEntries(given.map(([name, value]) => [name, redact(String(value))]));
    const fields = { part: `kafkajs ${namespace}`, ...details };
    const message = redact(log.message);

    if (isClosed() || [log.message, error].some((text) => rebalancing.test(String(text)))) {
      logger.debug(fields, message);
      return;
    }
    const key = JSON.stringify([fields, message]);
    const now = clock.monotonic();
    const before = known.get(key);
    if (before !== undefined && now - before.at < quietMs) {
      before.repeats++;
      logger.debug(fields, message);
      return;
    }
    known.delete(key); // to be the newest again
    known.set(key, { at: now, repeats: 0 });
    const [oldest] = known.keys();
    if (known.size > mostKnown && oldest !== undefined) known.delete(oldest);
    const repeats = before?.repeats ?? 0;
    logger.warn(repeats === 0 ? fields : { ...fields, repeats }, message);
  };
}
