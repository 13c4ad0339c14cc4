import type { MessageText } from "../../../graph/format/messages.ts";
import type { FlowChoiceError, FlowTypeError } from "../../model/markers.ts";

type FanInOf<TParents extends readonly string[]> =
  | "all"
  | "any"
  | `count:${TParents["length"]}`
  // a tuple of n elements has the keys "0" to "n-1"
  | `count:${Exclude<keyof TParents & `${number}`, "0">}`;

/** A right value returns all right values: TypeScript 5.9 would complete by the type of the default, "all". */
export type FanInArgument<TFanIn, TParents extends readonly string[], TId extends string> = TParents["length"] extends 0
  ?
      | "all"
      | (TFanIn extends "all" ? never : FlowTypeError<MessageText<"rootFanIn", { node: TId; fanIn: TFanIn & string }>>)
  : TFanIn extends "any" | "count:1"
    ? TFanIn
    : TFanIn extends FanInOf<TParents>
      ? FanInOf<TParents>
      : FlowChoiceError<
          MessageText<"fanInTooMany", { node: TId; parents: TParents["length"]; fanIn: TFanIn & string }>,
          FanInOf<TParents>
        >;

export type FirstBatchArgument<TParents extends readonly string[], TId extends string> = TParents["length"] extends 0
  ? FlowTypeError<MessageText<"rootFirstBatch", { node: TId }>>
  : "first_batch";
