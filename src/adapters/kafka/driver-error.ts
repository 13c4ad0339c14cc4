import type { Clock } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";

/** The broker rejected the request for good, as opposed to not answering. */
export function isRefusal(error: unknown): boolean {
  return someOf(error, (each) => {
    const isFinal = protocolErrors.has(each.name) && "retriable" in each && each.retriable === false;
    return isFinal && !("type" in each && temporary.has(String(each.type)));
  });
}

/** Only this message is rejected; any other rejection applies to its topic, and to the topic's next message. */
export function isOfMessage(error: unknown): boolean {
  return someOf(error, (each) => "type" in each && messageErrors.has(String(each.type)));
}

/**
 * The broker rejected the login, or one side rejected the other's certificate: waiting does not help. A missing
 * privilege is different, since a grant takes time to reach every broker.
 */
export function isLockedOut(error: unknown): boolean {
  return someOf(
    error,
    (each) => each.name === "KafkaJSSASLAuthenticationError" || (!FlowError.is(each) && isOfTls(each)),
  );
}

/** Whether this holds for the error, for its cause, or for one of the errors that it aggregates. */
function someOf(error: unknown, holds: (each: Error) => boolean): boolean {
  if (!(error instanceof Error)) return false;
  if (error.cause instanceof Error) return someOf(error.cause, holds);
  if ("errors" in error && Array.isArray(error.errors)) return error.errors.some((each) => someOf(each, holds));
  return holds(error);
}

/** Whether a retry may succeed: not if the broker rejected the request, or its certificate is invalid. */
export function mayPass(error: unknown): boolean {
  if (FlowError.is(error)) return error.retryable;
  if (!(error instanceof Error)) return true;
  if (error.cause instanceof Error) return mayPass(error.cause);
  if ("errors" in error && Array.isArray(error.errors)) return error.errors.every(mayPass);
  if (error.name === "KafkaJSSASLAuthenticationError") return false;
  if ("code" in error && typeof error.code === "string") return !isOfTls(error);
  return !isRefusal(error);
}

/** No broker answered, as opposed to a broker that is not ready yet. */
export function hasNoAnswer(error: unknown): boolean {
  if (FlowError.is(error)) return error.retryable;
  if (!(error instanceof Error)) return false;
  if (error.cause instanceof Error) return hasNoAnswer(error.cause);
  return connectionErrors.test(error.name) && mayPass(error);
}

const protocolErrors = new Set(["KafkaJSProtocolError", "KafkaJSCreateTopicError"]);
/** Final for the driver only: missing brokers may return, and another client may have created the topic. */
const temporary = new Set(["INVALID_REPLICATION_FACTOR", "TOPIC_ALREADY_EXISTS"]);
const messageErrors = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "INVALID_TIMESTAMP"]);
const connectionErrors = /^KafkaJS(Connection|RequestTimeout|NoBrokerAvailable)/;
/** `ECONNREFUSED` and the like; TLS errors are `CERT_HAS_EXPIRED`, `ERR_TLS_CERT_ALTNAME_INVALID`, `EPROTO`. */
const networkErrors = /^E(?!RR_|PROTO$)[A-Z_]+$/;
const isOfTls = (error: Error): boolean =>
  "code" in error && typeof error.code === "string" && !networkErrors.test(error.code);

/**
 * Waits for an operation of the driver, which may never settle, for at most `ms`.
 *
 * @returns whether it has ended
 * @throws the error of the operation
 */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const inTime = work.then(() => true);
  inTime.catch(() => {}); // a late rejection has no observer
  try {
    return await Promise.race([inTime, clock.sleep(ms, ended.signal).then(() => false)]);
  } finally {
    ended.abort();
  }
}
