import type { IsNever } from "../../../builtins/node-records.ts";
import type { MessageText } from "../../../graph/format/messages.ts";
import type { WrongType } from "../../model/markers.ts";

export type NotAnId =
  | ""
  | `${"0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "_" | "." | "-"}${string}`
  | `${string}${" " | "\t" | "\n" | ":" | "/" | "\\" | "," | ";" | "|" | "#" | "@" | "$" | "%" | "&" | "*" | "+" | "=" | "?" | "!"}${string}`
  | `${string}${"(" | ")" | "[" | "]" | "{" | "}" | "<" | ">" | "'" | '"' | "\`" | "~" | "^"}${string}`;

/* The names of `forbiddenKeys` that have the form of an id. */
type ForbiddenName = "constructor" | "prototype";

/*
 * The id, or a message. `compile()` checks the rarer characters and the length.
 *
 * Compared with `false`, see `IsNever`: a helper that is generic over its flow can add a node.
 */
export type IdArgument<TId extends string, TIds extends string, TPlaced> =
  IsNever<IdProblem<TId, TIds, TPlaced>> extends false ? WrongType<IdProblem<TId, TIds, TPlaced>> : TId;

type IdProblem<TId extends string, TIds extends string, TPlaced, TAll = TId> = TId extends NotAnId | ForbiddenName
  ? TId extends ForbiddenName
    ? MessageText<"nameForbidden", { what: "node id"; name: TId }>
    : MessageText<"idForm", { id: TId }>
  : // One literal: not a union, whose members are checked one by one, and not `string` or `n${number}`, which as a key of a
    // record may be missing. `TPlaced` is the record that the flow will have of it: of numbers, because every object has a
    // `toString`.
    TAll extends TId
    ? {} extends TPlaced
      ? string extends TIds
        ? never
        : MessageText<"idNotLiteral", {}>
      : TId extends TIds
        ? string extends TIds
          ? never
          : MessageText<"duplicateNode", { id: TId }>
        : never
    : MessageText<"idNotLiteral", {}>;

/* If ids are known only at run time, because the flow extends a graph JSON, any may be free, and any is accepted. */
export type Taken<TId, TIds> = TId extends TIds ? (string extends TIds ? never : TId) : never;
