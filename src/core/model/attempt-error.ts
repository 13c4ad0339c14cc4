import type { CoreReasonCode } from "../../errors/index.ts";

/** A failure detected by the engine itself, not thrown by handler code. */
export class AttemptError extends Error {
  override readonly name = "AttemptProblem";
  readonly code: CoreReasonCode;
  readonly permanent: boolean;

  constructor(code: CoreReasonCode, message: string, options: ErrorOptions & { readonly permanent?: boolean } = {}) {
    super(message, options);
    this.code = code;
    this.permanent = options.permanent ?? true;
  }
}
