import { $ZodError } from "zod/v4/core";
import type { HandlerDefinition } from "../../definitions/index.ts";
import { FlowError, isHandlerError } from "../../errors/index.ts";
import type { Attempt, Failure } from "../model.ts";
import { AttemptProblem } from "../support/attempt-problem.ts";
import { describeIssues } from "../values/index.ts";

const maxMessage = 4 * 1024;
const maxStack = 16 * 1024;

export interface ClassifiedFailure {
  readonly failure: Failure;
  readonly permanent: boolean;
  /** The handler asked for at least this long before the next attempt. */
  readonly afterMs: number;
}

/** Turns whatever was thrown during an attempt into a failure with a code. */
export function classifyFailure(options: {
  readonly error: unknown;
  readonly attempt: Attempt;
  readonly batchUid: string | undefined;
  readonly handler: HandlerDefinition | undefined;
}): ClassifiedFailure {
  const { error, attempt, batchUid, handler } = options;
  const verdict = judge(error, handler);
  const failure: Failure = {
    nodeId: attempt.nodeId,
    shard: attempt.shard,
    epoch: attempt.epoch,
    reasonCode: verdict.code,
    message: cut(verdict.message ?? messageOf(error), maxMessage),
    ...(batchUid === undefined ? {} : { batchUid }),
    ...stackOf(error),
  };
  return { failure, permanent: verdict.permanent, afterMs: afterMsOf(error) };
}

/** What isn't a delay, such as a `Retry-After` header that holds a date, is as good as nothing: it must not wait for ever. */
function afterMsOf(error: unknown): number {
  const { afterSec = 0 } = isHandlerError(error) && "afterSec" in error ? error : {};
  return Number.isFinite(afterSec) ? Math.max(0, afterSec * 1_000) : 0;
}

interface Verdict {
  readonly code: string;
  readonly permanent: boolean;
  readonly message?: string;
}

function judge(error: unknown, handler: HandlerDefinition | undefined): Verdict {
  if (error instanceof AttemptProblem) return { code: error.code, permanent: error.permanent };
  if (FlowError.is(error, "RECORD_TOO_LARGE")) return { code: "artifact_too_large", permanent: true };
  // What is gone stays gone: no retry reads it.
  if (FlowError.is(error, "ARTIFACTS_DROPPED")) return { code: "artifacts_dropped", permanent: true };
  let own: Verdict | undefined;
  try {
    own = handler?.classifyError?.(error);
  } catch (inner) {
    // Two errors at hand: the one that the attempt met is what counts, the other one must not get lost either.
    return { ...byDefault(error), message: `${messageOf(error)} (and classifyError threw: ${messageOf(inner)})` };
  }
  return own ?? byDefault(error);
}

function byDefault(error: unknown): Verdict {
  if (isHandlerError(error)) return { code: error.code, permanent: error.permanent };
  if (error instanceof $ZodError) return { code: "bad_input", permanent: true, message: describeIssues(error) };
  // `fetch` reports a lost connection as a TypeError with a cause: that is trouble outside, not a mistake in the code.
  const mistakeInCode =
    (error instanceof TypeError && error.cause === undefined) ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError;
  return { code: "unexpected_error", permanent: mistakeInCode };
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message;
  if (typeof error === "string") return error;
  const what = error === null || error === undefined ? String(error) : `a value of type ${typeof error}`;
  return `${what} was thrown instead of an error`;
}

/** The stack with its chain of causes. */
function stackOf(error: unknown): { stack?: string } {
  const parts: string[] = [];
  for (let current = error; current instanceof Error && parts.length < 10; current = current.cause) {
    parts.push(current.stack ?? String(current));
  }
  return parts.length === 0 ? {} : { stack: cut(parts.join("\ncaused by: "), maxStack) };
}

const cut = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
