import type { CoreReasonCode } from "../../../errors/index.ts";
import type { LateText, MessageText } from "../../../graph/format/messages.ts";
import type { AnyCoordinatorFn, FnNameOf } from "../../model/coordinator-function.ts";
import type { AnyHandler } from "../../model/handler.ts";
import type { Alternatives, Wrong } from "../../model/markers.ts";

/* `retry.permanentOn` of a handler's node: checked as a whole, and element by element only if something is wrong. */
export type PermanentOn<
  TCodes extends readonly string[],
  TId extends string,
  THandler extends AnyHandler,
> = TCodes[number] extends THandler["$infer"]["errors"] | CoreReasonCode
  ? TCodes | Alternatives<THandler["$infer"]["errors"] | CoreReasonCode>
  : {
      // Handlers and functions have separate types: with the message as a parameter, the compiler would fill in all of them.
      [TIndex in keyof TCodes]: [TCodes[TIndex]] extends [THandler["$infer"]["errors"] | CoreReasonCode]
        ? TCodes[TIndex]
        : Wrong<
            LateText<TId, "permanentOnUnknown", { node: TId; handler: THandler["name"]; code: TCodes[TIndex] }>,
            THandler["$infer"]["errors"] | CoreReasonCode
          >;
    };

type ErrorsOf<TFn> = TFn extends AnyCoordinatorFn ? TFn["$infer"]["errors"] : never;

/* The same for a coordinator function's node. */
export type FnPermanentOn<TCodes extends readonly string[], TId extends string, TFn> = TCodes[number] extends
  | ErrorsOf<TFn>
  | CoreReasonCode
  ? TCodes | Alternatives<ErrorsOf<TFn> | CoreReasonCode>
  : {
      [TIndex in keyof TCodes]: [TCodes[TIndex]] extends [ErrorsOf<TFn> | CoreReasonCode]
        ? TCodes[TIndex]
        : Wrong<
            MessageText<"fnPermanentOnUnknown", { node: TId; fn: FnNameOf<TFn>; code: TCodes[TIndex] }>,
            ErrorsOf<TFn> | CoreReasonCode
          >;
    };
