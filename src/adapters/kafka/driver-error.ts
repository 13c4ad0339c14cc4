import { FlowError } from "../../errors/index.ts";

/** The broker's own word that it will never take this, as opposed to no word at all. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.cause instanceof Error) return isRefusal(error.cause);
  return ofProtocol.has(error.name) && "retriable" in error && error.retriable === false;
}

/** Whether it may succeed later by itself: not so when the broker, or its certificate, says that something is wrong. */
export function mayPass(error: unknown): boolean {
  if (FlowError.is(error)) return error.retryable;
  if (!(error instanceof Error)) return true;
  if (error.cause instanceof Error) return mayPass(error.cause);
  if ("errors" in error && Array.isArray(error.errors)) return error.errors.every(mayPass);
  if (error.name === "KafkaJSSASLAuthenticationError") return false;
  if ("code" in error && typeof error.code === "string") return ofNetwork.test(error.code);
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
const ofConnection = /^KafkaJS(Connection|RequestTimeout|NoBrokerAvailable)/;
/** `ECONNREFUSED` and the like. What TLS finds wrong is called `CERT_HAS_EXPIRED`, `ERR_TLS_CERT_ALTNAME_INVALID`, `EPROTO`. */
const ofNetwork = /^E(?!RR_|PROTO$)[A-Z_]+$/;
