import type { Recorded } from "../../../builtins/node-records.ts";
import type { Say } from "../../../graph/format/messages.ts";
import type { FlowTypeError } from "../../model/markers.ts";

export type NotAnId =
  | ""
  | `${"0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "_" | "." | "-"}${string}`
  | `${string}${" " | "\t" | "\n" | ":" | "/" | "\\" | "," | ";" | "|" | "#" | "@" | "$" | "%" | "&" | "*" | "+" | "=" | "?" | "!"}${string}`
  | `${string}${"(" | ")" | "[" | "]" | "{" | "}" | "<" | ">" | "'" | '"' | "\`" | "~" | "^"}${string}`;

/** The rarer characters and the length are left to `compile()`. */
export type IdArgument<TId extends string, TIds extends string, TAll = TId> = TId extends TIds
  ? string extends TIds
    ? TId // the flow goes on from a graph JSON whose ids only the run time knows
    : FlowTypeError<Say<"duplicateNode", { id: TId }>>
  : TId extends NotAnId
    ? FlowTypeError<Say<"idForm", { id: TId }>>
    : // One literal: no union, whose members come here one by one, and no `string` or `n${number}`, which as a key of a
      // record may be missing.
      [TAll] extends [TId]
      ? {} extends Recorded<TId, unknown>
        ? FlowTypeError<Say<"idNotLiteral", {}>>
        : TId
      : FlowTypeError<Say<"idNotLiteral", {}>>;
