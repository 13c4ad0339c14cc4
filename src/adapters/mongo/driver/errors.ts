import { BSON, type Document, MongoError, MongoServerError } from "mongodb";
import { FlowError } from "../../../errors/index.ts";

/** Server errors after which the same request may succeed: elections, shutdowns, timeouts, interrupted requests. */
const passing = new Set([6, 7, 50, 64, 89, 91, 100, 112, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436]);
/** The server refuses documents over its limit, as they are sent and as they would become. */
const tooLarge = new Set([10334, 17280, 17419]);
/** Errors of the driver itself that no repetition helps against. */
const mistakes = new Set(["MongoInvalidArgumentError", "MongoParseError", "MongoMissingDependencyError"]);

export const isDuplicate = (error: unknown): boolean => error instanceof MongoServerError && error.code === 11000;

/** Whether what became of the request is unknown, or it wasn't made, and asking again is right. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof MongoError)) return false;
  if (!(error instanceof MongoServerError)) return !mistakes.has(error.name);
  if (error.hasErrorLabel("RetryableWriteError") || error.name === "MongoWriteConcernError") return true;
  return typeof error.code === "number" && passing.has(error.code);
}

export const storeUnavailable = (message: string, options: { readonly retryable: boolean; readonly cause?: unknown }) =>
  new FlowError("STORE_UNAVAILABLE", message, options);

export const recordTooLarge = (what: string): FlowError =>
  new FlowError(
    "RECORD_TOO_LARGE",
    `${what} exceeds MongoDB's limit of 16 MiB per document: split it, for instance into smaller batches`,
  );

const largestDocument = 16 * 1_024 * 1_024;

/** @throws FlowError `RECORD_TOO_LARGE` */
export function checkSize(document: Document, what: string, most = largestDocument): void {
  if (BSON.calculateObjectSize(document, { ignoreUndefined: true }) > most) throw recordTooLarge(what);
}

/** What the store rejects with instead. `redact` takes secrets out of the words. */
export function translated(error: unknown, redact: (text: string) => string): unknown {
  if (!(error instanceof MongoError)) return error;
  if (error instanceof MongoServerError && typeof error.code === "number" && tooLarge.has(error.code)) {
    return recordTooLarge("a record");
  }
  const message = redact(error.message);
  const isClean = redact(error.stack ?? "") === (error.stack ?? "");
  return storeUnavailable(`MongoDB request failed: ${message}`, {
    retryable: isPassing(error),
    ...(isClean ? { cause: error } : {}),
  });
}
