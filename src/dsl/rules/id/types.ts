import type { Recorded } from "../../../builtins/node-records.ts";
import type { MessageText } from "../../../graph/format/messages.ts";
import type { FlowTypeError } from "../../model/markers.ts";

export type NotAnId =
  | ""
  | `${"0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "_" | "." | "-"}${string}`
  | `${string}${" " | "\t" | "\n" | ":" | "/" | "\\" | "," | ";" | "|" | "#" | "@" | "$" | "%" | "&" | "*" | "+" | "=" | "?" | "!"}${string}`
  | `${string}${"(" | ")" | "[" | "]" | "{" | "}" | "<" | ">" | "'" | '"' | "\`" | "~" | "^"}${string}`;

/** `compile()` checks the rarer characters and the length. */
export type IdArgument<TId extends string, TIds extends string, TAll = TId> = TId extends TIds
  ? string extends TIds
    ? TId // the flow extends a graph JSON whose ids are known only at run time
    : FlowTypeError<MessageText<"duplicateNode", { id: TId }>>
  : TId extends NotAnId
    ? FlowTypeError<MessageText<"idForm", { id: TId }>>
    : // One literal: not a union, whose members are checked one by one, and not `string` or `n${number}`, which as a key of a
      // record may be missing.
      [TAll] extends [TId]
      ? {} extends Recorded<TId, unknown>
        ? FlowTypeError<MessageText<"idNotLiteral", {}>>
        : TId
      : FlowTypeError<MessageText<"idNotLiteral", {}>>;
