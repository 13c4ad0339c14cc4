import type { IsNever, Recorded } from "../../../builtins/node-records.ts";
import type { MessageText } from "../../../graph/format/messages.ts";
import type { FlowTypeError } from "../../model/markers.ts";

export type NotAnId =
  | ""
  | `${"0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "_" | "." | "-"}${string}`
  | `${string}${" " | "\t" | "\n" | ":" | "/" | "\\" | "," | ";" | "|" | "#" | "@" | "$" | "%" | "&" | "*" | "+" | "=" | "?" | "!"}${string}`
  | `${string}${"(" | ")" | "[" | "]" | "{" | "}" | "<" | ">" | "'" | '"' | "\`" | "~" | "^"}${string}`;

/**
 * The id, or a message. Whether it is taken is compared with `false`: of a flow whose type is a parameter, that is not so
 * for any flow that it may be, as far as the compiler asks, and a helper that is generic over its flow can add a node.
 */
export type IdArgument<TId extends string, TIds extends string> =
  IsNever<Taken<TId, TIds>> extends false
    ? FlowTypeError<MessageText<"duplicateNode", { id: Taken<TId, TIds> }>>
    : WellFormed<TId, TIds>;

/** If ids are known only at run time, because the flow extends a graph JSON, any may be free, and any is accepted. */
export type Taken<TId, TIds> = TId extends TIds ? (string extends TIds ? never : TId) : never;

/** `compile()` checks the rarer characters and the length. */
type WellFormed<TId extends string, TIds extends string, TAll = TId> = TId extends NotAnId
  ? FlowTypeError<MessageText<"idForm", { id: TId }>>
  : // One literal: not a union, whose members are checked one by one, and not `string` or `n${number}`, which as a key of
    // a record may be missing.
    [TAll] extends [TId]
    ? {} extends Recorded<TId, unknown>
      ? string extends TIds
        ? TId
        : FlowTypeError<MessageText<"idNotLiteral", {}>>
      : TId
    : FlowTypeError<MessageText<"idNotLiteral", {}>>;
