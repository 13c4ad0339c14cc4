import type { FlowErrorCode } from "./codes.ts";
import { hasProperty, propertyOf } from "./thrown.ts";

/** A value that survives JSON: in errors, and between nodes. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
/** A JSON object: arguments, parameters, variables, details of errors. */
export type JsonObject = { readonly [key: string]: Json };

const brand = Symbol.for("flowkit.FlowError");

/** The contents of a {@link FlowError} besides its code and its message. */
export interface FlowErrorOptions {
  /** Whether the same call may succeed later, unchanged. */
  readonly retryable?: boolean;
  /** JSON-safe facts for programs: ids, findings, limits. Never secrets. */
  readonly details?: JsonObject;
  readonly cause?: unknown;
}

/**
 * The only error class of the library.
 *
 * @example
 * try {
 *   await task.result()
 * } catch (error) {
 *   if (FlowError.is(error, "TASK_FAILED")) console.log(error.details) // { taskId: "…", nodeId: "clean", … }
 *   else throw error
 * }
 */
export class FlowError extends Error {
  override readonly name: string = "FlowError";
  readonly code: FlowErrorCode;
  readonly retryable: boolean;
  readonly details: JsonObject;

  constructor(code: FlowErrorCode, message: string, options: FlowErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
    Object.defineProperty(this, brand, { value: true });
  }

  /** Recognises a FlowError of another copy of the library too, unlike `instanceof`. */
  static is(error: unknown, code?: FlowErrorCode): error is FlowError {
    return hasProperty(error, brand) && (code === undefined || propertyOf(error, "code") === code);
  }
}
