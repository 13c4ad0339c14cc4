import { DatabaseError } from "pg";
import { FlowError, type FlowErrorOptions } from "../../../errors/index.ts";

const tooLarge = new Set(["54000", "54001"]);
/** SQLSTATEs, or their classes, after which the same request may succeed: failovers, restarts, conflicts, timeouts. */
const passing = /^(08|40|53|57P|57014|55P03|25006|58)/;
/** Codes of Node's errors that do not pass: the certificate or the key is wrong. */
const wrongTls = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|ERR_OSSL/;
const noTls = /does not support SSL|SSL negotiation|SASL|client password must be/;

/** A row that this one refers to was removed meanwhile. */
export const foreignKeyViolation = "23503";
export const uniqueViolation = "23505";

/** With which SQLSTATE the server rejected a request. */
export const sqlStateOf = (error: unknown): unknown => (FlowError.is(error) ? error.details.sqlState : undefined);

export const unavailable = (message: string, options: FlowErrorOptions & { readonly retryable: boolean }): FlowError =>
  new FlowError("STORE_UNAVAILABLE", message, options);

/**
 * The error that a request rejects with.
 *
 * @param redact - removes secrets from a text
 */
export function translated(error: unknown, redact: (text: string) => string): unknown {
  if (error instanceof FlowError || !(error instanceof Error)) return error;
  const message = redact(messageOf(error));
  const cause = redact(error.stack ?? "") === (error.stack ?? "") ? { cause: error } : {};
  if (error instanceof DatabaseError) {
    const { code: sqlState = "" } = error;
    if (tooLarge.has(sqlState)) return new FlowError("RECORD_TOO_LARGE", `a record is too large: ${message}`, cause);
    const options = { retryable: passing.test(sqlState), details: { sqlState }, ...cause };
    return unavailable(`PostgreSQL request failed: ${message}`, options);
  }
  const isWrong = wrongTls.test("code" in error ? String(error.code) : "") || noTls.test(message);
  return unavailable(`PostgreSQL is unreachable: ${message}`, { retryable: !isWrong, ...cause });
}

/** A host with several addresses fails with one error for each, and an empty message. */
const messageOf = (error: Error): string =>
  error.message === "" && error instanceof AggregateError ? error.errors.map(String).join(", ") : error.message;
