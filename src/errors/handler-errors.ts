import { hasProperty } from "./thrown.ts";

const brand = Symbol.for("flowkit.HandlerError");

/** The common base of the two errors below: how a handler classifies a failure. */
interface HandlerErrorLike {
  readonly code: string;
  readonly permanent: boolean;
  readonly afterSec?: number;
}

/**
 * Thrown by a handler for a failure that no retry can fix.
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
 * Thrown by a handler for a failure that a retry may not encounter.
 *
 * @example
 * throw new RetryableError("rate_limited", "429 from the API", { afterSec: 30 }) // next attempt in 30 seconds or later
 */
export class RetryableError extends Error implements HandlerErrorLike {
  override readonly name: string = "RetryableError";
  readonly code: string;
  readonly permanent = false;
  /** Minimum seconds before the next attempt; replaces the node's backoff if longer. */
  readonly afterSec?: number;

  constructor(code: string, message: string = code, options: ErrorOptions & { readonly afterSec?: number } = {}) {
    super(message, options);
    this.code = code;
    if (options.afterSec !== undefined) this.afterSec = options.afterSec;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** Recognises both classes above, even from another copy of the library. */
export function isHandlerError(error: unknown): error is PermanentError | RetryableError {
  return hasProperty(error, brand);
}
