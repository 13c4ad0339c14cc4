import { $ZodError } from "zod/v4/core";
import type { HandlerDefinition } from "../../../definitions/index.ts";
import {
  FlowError,
  isHandlerError,
  isInstance,
  propertyOf,
  thrownMessage,
  thrownStack,
} from "../../../errors/index.ts";
import { describeIssues } from "../../codec/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import type { Attempt, Failure, HandlerMethod } from "../../model/records.ts";

const maxMessage = 4 * 1024;
const maxStack = 16 * 1024;
const maxCode = 128;
/** Limit of a remark appended to the error's own message. */
const maxRemark = 512;

export interface ClassifiedFailure {
  readonly failure: Failure;
  readonly permanent: boolean;
  /** The minimum delay before the next attempt that the handler asked for. */
  readonly afterMs: number;
}

/** Where an error was thrown: in a batch, in another method of the handler, or in neither. */
export interface FailurePlace {
  batchUid?: string | undefined;
  method?: HandlerMethod | undefined;
  /** The batch that `iterBatches` yielded last. */
  lastBatchUid?: string | undefined;
}

/** Converts any error thrown during an attempt into a failure with a code. */
export function classifyFailure(options: {
  readonly error: unknown;
  readonly attempt: Attempt;
  readonly at: FailurePlace;
  readonly handler: HandlerDefinition | undefined;
}): ClassifiedFailure {
  const { error, attempt, at, handler } = options;
  const verdict = judge(error, { handler, inSetup: at.method === "setup" });
  const stack = thrownStack(error);
  const failure: Failure = {
    nodeId: attempt.nodeId,
    shard: attempt.shard,
    epoch: attempt.epoch,
    reasonCode: verdict.code,
    message: messageOf(verdict, error),
    ...placeOf(at),
    ...(stack === undefined ? {} : { stack: cut(stack, maxStack) }),
  };
  return { failure, permanent: verdict.permanent, afterMs: afterMsOf(error) };
}

function placeOf({ batchUid, method, lastBatchUid }: FailurePlace): Partial<Failure> {
  if (batchUid !== undefined) return { batchUid };
  if (method === undefined) return {};
  return method === "iterBatches" && lastBatchUid !== undefined ? { method, lastBatchUid } : { method };
}

/**
 * Ignores a value that is not a delay, such as a `Retry-After` header with a date: the retry must not be delayed
 * forever.
 */
function afterMsOf(error: unknown): number {
  const afterSec = isHandlerError(error) ? propertyOf(error, "afterSec") : undefined;
  return typeof afterSec === "number" && Number.isFinite(afterSec) ? Math.max(0, afterSec * 1_000) : 0;
}

interface Verdict {
  readonly code: string;
  readonly permanent: boolean;
  /** Replaces the error's own message. */
  readonly message?: string;
  /** What is wrong with the handler's verdict, appended to the message. */
  readonly remark?: string;
}

interface Thrower {
  readonly handler: HandlerDefinition | undefined;
  readonly inSetup: boolean;
}

function judge(error: unknown, thrower: Thrower): Verdict {
  if (isInstance(error, AttemptError)) return { code: error.code, permanent: error.permanent };
  if (FlowError.is(error, "RECORD_TOO_LARGE")) return { code: "artifact_too_large", permanent: true };
  // Dropped artifacts do not come back, so no retry can read them.
  if (FlowError.is(error, "ARTIFACTS_DROPPED")) return { code: "artifacts_dropped", permanent: true };
  let own: unknown;
  try {
    own = thrower.handler?.classifyError?.(error);
  } catch (inner) {
    // The original error decides, and the message mentions this one.
    return { ...byDefault(error, thrower), remark: `classifyError threw: ${thrownMessage(inner)}` };
  }
  if (own === undefined || own === null) return byDefault(error, thrower);
  const verdict = checkedVerdict(own);
  return typeof verdict === "string"
    ? { ...byDefault(error, thrower), remark: `classifyError returned ${verdict}` }
    : verdict;
}

/** Checks a verdict, which untyped code may have made; returns a string that describes what is wrong with it. */
function checkedVerdict(own: unknown): Verdict | string {
  const then = propertyOf(own, "then");
  if (typeof then === "function") {
    Promise.resolve(own).catch(() => {}); // nothing else awaits it, and an unhandled rejection would end the process
    return "a promise: it must be synchronous";
  }
  if (typeof own !== "object") return `a ${typeof own} instead of { code, permanent }`;
  const code = checkedCode(propertyOf(own, "code"));
  const permanent = propertyOf(own, "permanent");
  if (code.fault !== undefined) return `${code.fault} as code`;
  if (typeof permanent !== "boolean") return `${kindOf(permanent)} as permanent, expected a boolean`;
  return { code: code.code, permanent };
}

type CheckedCode =
  | { readonly code: string; readonly fault?: undefined }
  | { readonly code?: undefined; readonly fault: string };

function checkedCode(code: unknown): CheckedCode {
  if (typeof code !== "string") return { fault: kindOf(code) };
  if (code === "") return { fault: "an empty string" };
  if (code.length > maxCode) return { fault: `a string of ${code.length} characters, more than ${maxCode},` };
  return { code: code.toWellFormed() };
}

const kindOf = (value: unknown): string => (value === undefined || value === null ? `${value}` : `a ${typeof value}`);

/** An error in `setup` concerns only this worker, not the task, so it is retried. */
const setupFailed = { code: "setup_failed", permanent: false };

function byDefault(error: unknown, { inSetup }: Thrower): Verdict {
  if (isHandlerError(error)) {
    const permanent = propertyOf(error, "permanent") === true;
    const { code, fault } = checkedCode(propertyOf(error, "code"));
    return fault === undefined
      ? { code, permanent }
      : { code: "unexpected_error", permanent, remark: `it has ${fault} as code` };
  }
  if (isInstance(error, $ZodError)) {
    const issues = issuesOf(error);
    const verdict = inSetup ? setupFailed : { code: "bad_input", permanent: true };
    return { ...verdict, ...(issues === undefined ? {} : { message: issues }) };
  }
  if (inSetup) return setupFailed;
  // `fetch` reports a lost connection as a TypeError with a cause: an environment problem, not a bug in the handler.
  const mistakeInCode =
    (isInstance(error, TypeError) && propertyOf(error, "cause") === undefined) ||
    isInstance(error, ReferenceError) ||
    isInstance(error, SyntaxError);
  return { code: "unexpected_error", permanent: mistakeInCode };
}

function issuesOf(error: $ZodError): string | undefined {
  try {
    return describeIssues(error);
  } catch {
    return undefined; // the issues were changed by the handler
  }
}

function messageOf({ message, remark }: Verdict, error: unknown): string {
  const text = message ?? thrownMessage(error);
  if (remark === undefined) return cut(text, maxMessage);
  const behind = ` (and ${cut(remark, maxRemark)})`;
  return `${cut(text, maxMessage - behind.length)}${behind}`;
}

/** Well-formed, since a store may refuse or change a lone surrogate. */
const cut = (text: string, length: number): string =>
  (text.length <= length ? text : `${text.slice(0, length - 1)}…`).toWellFormed();
