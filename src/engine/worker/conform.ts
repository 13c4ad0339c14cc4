import { type CoreReasonCode, isInstance } from "../../errors/index.ts";
import { AttemptProblem } from "../support/attempt-problem.ts";
import { NotJsonError, SchemaMismatch } from "../values/index.ts";

/**
 * Carries a value through a schema; one that doesn't fit is a permanent problem of the node.
 *
 * @param says - what to say then, of the node: "its output does not fit its schema". Which node and which batch it is,
 * a failure says by itself
 */
export async function conform<TIn, TOut>(
  convert: (value: TIn) => TOut | Promise<TOut>,
  value: TIn,
  code: CoreReasonCode,
  says: string,
): Promise<TOut> {
  try {
    return await convert(value);
  } catch (error) {
    throw misfit(error, code, says);
  }
}

/** The problem that a refused value is; any other error stays what it is. */
export function misfit(error: unknown, code: CoreReasonCode, says: string): unknown {
  if (!(isInstance(error, SchemaMismatch) || isInstance(error, NotJsonError))) return error;
  return new AttemptProblem(code, `${says}: ${error.message}`, { cause: error.cause });
}
