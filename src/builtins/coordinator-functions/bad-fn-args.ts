import { type CoreReasonCode, PermanentError } from "../../errors/index.ts";

/** Arguments that fail in every retry. The message contains paths and limits but no values: it is stored and shown. */
export function badFnArgs(message: string, options?: ErrorOptions): PermanentError {
  return new PermanentError("bad_fn_args" satisfies CoreReasonCode, message, options);
}
