import type { CoreReasonCode } from "../../errors/index.ts";
import type { Say } from "../../graph/format/messages.ts";
import type { AnyHandler } from "./handler.ts";
import type { FlowTypeError } from "./markers.ts";

/** `retry.permanentOn` of a handler's node: all at once when all is well, element by element when not. */
export type PermanentOn<
  TCodes extends readonly string[],
  TId extends string,
  THandler extends AnyHandler,
> = TCodes[number] extends THandler["$infer"]["errors"] | CoreReasonCode
  ? TCodes
  : {
      // Not one type for handlers and functions: with an open message the compiler would fill in every one there is.
      [TIndex in keyof TCodes]: [TCodes[TIndex]] extends [THandler["$infer"]["errors"] | CoreReasonCode]
        ? TCodes[TIndex]
        :
            | THandler["$infer"]["errors"]
            | CoreReasonCode
            | FlowTypeError<Say<"permanentOnUnknown", { node: TId; handler: THandler["name"]; code: TCodes[TIndex] }>>;
    };
