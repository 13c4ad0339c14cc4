import { hasProperty } from "./thrown.ts";

const brand = Symbol.for("flowkit.HandlerError");

/** What the two errors below have in common: a handler's own verdict about a failure. */
interface HandlerErrorLike {
  readonly code: string;
  readonly permanent: boolean;
  readonly afterSec?: number;
}

/**
 * Thrown by a handler for a failure that no retry can mend.
 *
 * @example
 * throw new PermanentError("bad_row", `row ${row.id} has no price`) // the node fails with reason code "bad_row"
 */
export class PermanentError extends Error implements HandlerErrorLike {
  override readonly name: string = "PermanentError";
  readonly code: string;
  readonly permanent = true;

  constructor(code: string, message: string = code, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Thrown by a handler for a failure that a later attempt may not meet.
 *
 * @example
 * throw new RetryableError("rate_limited", "429 from the API", { afterSec: 30 }) // next attempt in 30 seconds or later
 */
export class RetryableError extends Error implements HandlerErrorLike {
  override readonly name: string = "RetryableError";
  readonly code: string;
  readonly permanent = false;
  /** Seconds before the next attempt; takes the place of the node's backoff when longer. */
  readonly afterSec?: number;

  constructor(code: string, message: string = code, options: ErrorOptions & { readonly afterSec?: number } = {}) {
    super(message, options);
    this.code = code;
    if (options.afterSec !== undefined) this.afterSec = options.afterSec;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** Recognises both classes above, also from another copy of the library. */
export function isHandlerError(error: unknown): error is PermanentError | RetryableError {
  return hasProperty(error, brand);
}
