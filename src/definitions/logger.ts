/** A logger in pino's shape: an optional object of fields, then the message. A pino instance fits as it is. */
export interface Logger {
  /** What only somebody who looks for a mistake wants to know. */
  debug(fields: object, message?: string): void;
  /** What happens in quiet times, such as a start and a stop. */
  info(fields: object, message?: string): void;
  /** What the engine copes with by itself. */
  warn(fields: object, message?: string): void;
  /** What needs somebody. */
  error(fields: object, message?: string): void;
  /** A logger that adds these fields to each line. */
  child(fields: object): Logger;
}

/** The default: a library writes nothing by itself. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
