import type { Clock } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";

/** The broker's own word that it will never take this, as opposed to no word at all. */
export function isRefusal(error: unknown): boolean {
  return someOf(error, (each) => {
    const isFinal = ofProtocol.has(each.name) && "retriable" in each && each.retriable === false;
    return isFinal && !("type" in each && ofMoment.has(String(each.type)));
  });
}

/** A refusal of the message alone; any other refusal is of its topic, and the next message of the topic meets it too. */
export function isOfMessage(error: unknown): boolean {
  return someOf(error, (each) => "type" in each && ofMessage.has(String(each.type)));
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

/** Whether this holds for the error, for what caused it, or for one of those that it stands for. */
function someOf(error: unknown, holds: (each: Error) => boolean): boolean {
  if (!(error instanceof Error)) return false;
  if (error.cause instanceof Error) return someOf(error.cause, holds);
  if ("errors" in error && Array.isArray(error.errors)) return error.errors.some((each) => someOf(each, holds));
  return holds(error);
}

/** Whether it may succeed later by itself: not so when the broker, or its certificate, says that something is wrong. */
export function mayPass(error: unknown): boolean {
  if (FlowError.is(error)) return error.retryable;
  if (!(error instanceof Error)) return true;
  if (error.cause instanceof Error) return mayPass(error.cause);
  if ("errors" in error && Array.isArray(error.errors)) return error.errors.every(mayPass);
  if (error.name === "KafkaJSSASLAuthenticationError") return false;
  if ("code" in error && typeof error.code === "string") return !isOfTls(error);
  return !isRefusal(error);
}

/** Nobody has answered, as opposed to a broker that isn't ready for this yet. */
export function hasNoAnswer(error: unknown): boolean {
  if (FlowError.is(error)) return error.retryable;
  if (!(error instanceof Error)) return false;
  if (error.cause instanceof Error) return hasNoAnswer(error.cause);
  return ofConnection.test(error.name) && mayPass(error);
}

const ofProtocol = new Set(["KafkaJSProtocolError", "KafkaJSCreateTopicError"]);
/** Final to the driver only: brokers that are missing may return, and the topic is made meanwhile. */
const ofMoment = new Set(["INVALID_REPLICATION_FACTOR", "TOPIC_ALREADY_EXISTS"]);
const ofMessage = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "INVALID_TIMESTAMP"]);
const ofConnection = /^KafkaJS(Connection|RequestTimeout|NoBrokerAvailable)/;
/** `ECONNREFUSED` and the like. What TLS finds wrong is called `CERT_HAS_EXPIRED`, `ERR_TLS_CERT_ALTNAME_INVALID`, `EPROTO`. */
const ofNetwork = /^E(?!RR_|PROTO$)[A-Z_]+$/;
const isOfTls = (error: Error): boolean =>
  "code" in error && typeof error.code === "string" && !ofNetwork.test(error.code);

/**
 * Waits for work of the driver, which may never come to an end, for so long.
 *
 * @returns whether it has ended. What it throws is thrown.
 */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const inTime = work.then(() => true);
  inTime.catch(() => {}); // too late for anybody to hear
  try {
    return await Promise.race([inTime, clock.sleep(ms, ended.signal).then(() => false)]);
  } finally {
    ended.abort();
  }
}
