import { MongoBulkWriteError, MongoError, MongoInvalidArgumentError, MongoServerError, type WriteError } from "mongodb";
import { FlowError } from "../../../errors/index.ts";
import { recordTooLarge } from "../format/fields.ts";

/** Server errors after which the same request may succeed: elections, shutdowns, timeouts, interrupted requests. */
const passing = new Set([6, 7, 50, 64, 89, 91, 100, 112, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436]);
/** The server checks the size of a document both as it is sent and as an update would make it. */
const tooLarge = new Set([10334, 17280, 17419]);
/** Errors of the driver itself that do not pass. */
const mistakes = new Set(["MongoInvalidArgumentError", "MongoParseError", "MongoMissingDependencyError"]);
/** Errors after which the driver itself has repeated the request for the whole timeout. */
const exhausted = new Set(["MongoServerSelectionError", "MongoOperationTimeoutError"]);

const duplicateKey = 11000;
export const isDuplicate = (error: unknown): boolean =>
  error instanceof MongoServerError && error.code === duplicateKey;
export const isDuplicateWrite = ({ code }: WriteError): boolean => code === duplicateKey;

/** Whether the request had no effect, or an unknown one, and may succeed when it is repeated. */
function isPassing(error: MongoError): boolean {
  if (!(error instanceof MongoServerError)) return !mistakes.has(error.name);
  if (error.hasErrorLabel("RetryableWriteError") || error.name === "MongoWriteConcernError") return true;
  return typeof error.code === "number" && passing.has(error.code);
}

/** An insert of several documents wraps what went wrong. */
const reasonOf = (error: unknown): unknown =>
  error instanceof MongoBulkWriteError && error.errorResponse instanceof MongoError ? error.errorResponse : error;

export function worthRepeating(error: unknown): boolean {
  const reason = reasonOf(error);
  return reason instanceof MongoError && isPassing(reason) && !exhausted.has(reason.name);
}

export const unavailable = (message: string, options: { readonly retryable: boolean; readonly cause?: unknown }) =>
  new FlowError("STORE_UNAVAILABLE", message, options);

/** The error that the store rejects with. `redact` removes secrets from a text. */
export function translated(thrown: unknown, redact: (text: string) => string): unknown {
  const error = reasonOf(thrown);
  if (!(error instanceof MongoError)) return error;
  const isRefused = error instanceof MongoServerError && typeof error.code === "number" && tooLarge.has(error.code);
  // The driver itself checks the documents of an insert of several.
  const isNotSent = error instanceof MongoInvalidArgumentError && error.message.startsWith("Document is larger than");
  if (isRefused || isNotSent) return recordTooLarge("a record");
  const { message, stack = "" } = error;
  const cause = redact(stack) === stack ? { cause: error } : {};
  return unavailable(`MongoDB request failed: ${redact(message)}`, { retryable: isPassing(error), ...cause });
}
