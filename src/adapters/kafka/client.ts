import { isIP, connect as openSocket, type Socket } from "node:net";
import { connect as openTlsSocket } from "node:tls";
import { type ISocketFactory, Kafka, type LogEntry, logLevel } from "kafkajs";
import type { Clock } from "../../core/ports/index.ts";
import { type Logger, silentLogger } from "../../definitions/index.ts";
import { fixIdleTimer } from "./idle-timer-fix.ts";
import type { CheckedOptions, KafkaBusOptions } from "./options.ts";
import { type Redact, redactor } from "./redaction.ts";

/** Dependencies that the components of one bus share. */
export interface BusParts {
  readonly kafka: Kafka;
  readonly options: CheckedOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly redact: Redact;
  readonly sockets: Sockets;
}

/** The driver's own retries. The bus handles longer outages. */
export const driverRetry = { retries: 4, initialRetryTime: 100, maxRetryTime: 1_000 };

export function busParts(given: KafkaBusOptions, options: CheckedOptions, clock: Clock): BusParts {
  fixIdleTimer();
  const redact = redactor(given);
  const logger = given.logger ?? silentLogger;
  const sockets = new Sockets();
  const kafka = new Kafka({
    clientId: options.clientId,
    brokers: [...options.brokers],
    ...(given.ssl === undefined ? {} : { ssl: given.ssl }),
    ...(given.sasl === undefined ? {} : { sasl: given.sasl }),
    socketFactory: sockets.open,
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: driverRetry,
    logLevel: logLevel.WARN,
    logCreator: () => driverLog({ clock, logger, redact, isClosed: () => sockets.closed }),
  });
  return { kafka, options, clock, logger, redact, sockets };
}

/** A driver that cannot reach a broker logs the same message several times per second. */
const quietMs = 30_000;
/** A bound, because messages that contain numbers are all different. */
const mostKnown = 100;
/** Logged by every member of a group whenever another one joins or leaves. */
const rebalancing = /^(The group is rebalancing|Specified group generation id is not valid)/;

/**
 * Logs the driver's messages. Its errors are warnings, because the bus retries. Repeats within half a minute are logged
 * at debug level, and the next warning contains their number. Rebalances, and errors of connections that this bus
 * closes, are logged at debug level too.
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
  /** Whether this bus is closing its connections. */
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
    known.delete(key); // moves it to the end
    known.set(key, { at: now, repeats: 0 });
    const [oldest] = known.keys();
    if (known.size > mostKnown && oldest !== undefined) known.delete(oldest);
    const repeats = before?.repeats ?? 0;
    logger.warn(repeats === 0 ? fields : { ...fields, repeats }, message);
  };
}

const keepAliveMs = 60_000;

/**
 * The connections of one bus. The driver's `disconnect` leaves some open, because pending retries reconnect. A single
 * one keeps the process running, so the bus closes them last.
 */
export class Sockets {
  readonly #open = new Set<Socket>();
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  readonly open: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#closed) throw closedError();
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = ssl
      ? openTlsSocket({ host, port, ...name, ...ssl }, onConnect)
      : openSocket({ host, port }, onConnect);
    socket.setKeepAlive(true, keepAliveMs);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  };

  /** Closes all connections and prevents new ones. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#open) socket.destroy(closedError()); // the error makes the driver clear its timers
  }
}

const closedError = () => new Error("this Kafka bus is closed");
