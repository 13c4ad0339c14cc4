/**
 * A logger with pino's interface: an optional object of fields, then the message. A pino instance can be used directly.
 */
export interface Logger {
  /** Details for debugging. */
  debug(fields: object, message?: string): void;
  /** Normal operation, such as a start and a stop. */
  info(fields: object, message?: string): void;
  /** Problems that the engine recovers from. */
  warn(fields: object, message?: string): void;
  /** Problems that need attention. */
  error(fields: object, message?: string): void;
  /** A logger that adds these fields to each line. */
  child(fields: object): Logger;
}

/** Logs nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
