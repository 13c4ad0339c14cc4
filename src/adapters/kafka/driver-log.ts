import type { LogEntry } from "kafkajs";
import type { Logger } from "../../definitions/index.ts";
import type { Clock } from "../../engine/ports/index.ts";
import type { Redact } from "./redaction.ts";

/** A driver that reaches nobody says the same several times a second, for as long as that lasts. */
const quietMs = 30_000;
/** Messages with numbers of their own are all different. */
const mostKnown = 100;

/**
 * Where the driver logs to. Its errors are what the bus retries: they are news, not failures, and so warnings. The same
 * news within half a minute are of level debug; the next warning says how often they came.
 */
export function driverLog({
  clock,
  logger,
  redact,
}: {
  readonly clock: Pick<Clock, "monotonic">;
  readonly logger: Logger;
  readonly redact: Redact;
}): (entry: Pick<LogEntry, "namespace" | "log">) => void {
  const known = new Map<string, { readonly at: number; repeats: number }>();
  return ({ namespace, log }) => {
    const { error, groupId, broker } = log;
    const given = Object.entries({ error, groupId, broker }).filter(([, value]) => typeof value === "string");
    const details = Object.fromEntries(given.map(([name, value]) => [name, redact(String(value))]));
    const fields = { part: `kafkajs ${namespace}`, ...details };
    const message = redact(log.message);

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
