import { type CoreReasonCode, PermanentError } from "../../errors/index.ts";

/** Arguments that no retry can mend. The message names paths and limits, never values: it is stored and shown. */
export function badFnArgs(message: string, options?: ErrorOptions): PermanentError {
  return new PermanentError("bad_fn_args" satisfies CoreReasonCode, message, options);
}
