import type { CoreReasonCode } from "../../errors/index.ts";
import { AttemptProblem } from "../support/attempt-problem.ts";
import { NotJsonError, SchemaMismatch } from "../values/index.ts";

/**
 * Carries a value through a schema; one that doesn't fit is a permanent problem of the node.
 *
 * @param what - the subject of the message: "node 'clean', batch '7': its output"
 */
export async function conform<TIn, TOut>(
  convert: (value: TIn) => TOut | Promise<TOut>,
  value: TIn,
  code: CoreReasonCode,
  what: () => string,
): Promise<TOut> {
  try {
    return await convert(value);
  } catch (error) {
    throw misfit(error, code, what);
  }
}

/** The problem that a refused value is; any other error stays what it is. */
export function misfit(error: unknown, code: CoreReasonCode, what: () => string): unknown {
  if (!(error instanceof SchemaMismatch || error instanceof NotJsonError)) return error;
  return new AttemptProblem(code, `${what()} does not fit its schema: ${error.message}`, { cause: error.cause });
}
