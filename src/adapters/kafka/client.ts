import { Kafka, logLevel } from "kafkajs";
import { type Logger, silentLogger } from "../../definitions/index.ts";
import type { Clock } from "../../engine/ports/index.ts";
import { driverLog } from "./driver-log.ts";
import { fixIdleTimer } from "./idle-timer-fix.ts";
import type { CheckedOptions, KafkaBusOptions } from "./options.ts";
import { type Redact, redactor } from "./redaction.ts";
import { Sockets } from "./sockets.ts";

/** What the parts of one bus share. */
export interface BusParts {
  readonly kafka: Kafka;
  readonly options: CheckedOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly redact: Redact;
  readonly sockets: Sockets;
}

/** How long the driver tries by itself. What lasts longer is for the bus to deal with. */
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
