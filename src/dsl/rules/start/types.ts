import type { LateText } from "../../../graph/format/messages.ts";
import type { FlowChoiceError, FlowTypeError } from "../../model/markers.ts";

type FanInOf<TParents extends readonly string[]> =
  | "all"
  | "any"
  // with optional elements, a tuple of n has the lengths 0 to n
  | `count:${Exclude<Partial<TParents>["length"], 0>}`;

/* A right value returns all right values: TypeScript 5.9 would complete by the type of the default, "all". */
export type FanInArgument<TFanIn, TParents extends readonly string[], TId extends string> = TParents["length"] extends 0
  ?
      | "all"
      | (TFanIn extends "all"
          ? never
          : FlowTypeError<LateText<TId, "rootFanIn", { node: TId; fanIn: TFanIn & string }>>)
  : TFanIn extends "any" | "count:1"
    ? TFanIn
    : TFanIn extends FanInOf<TParents>
      ? FanInOf<TParents>
      : FlowChoiceError<
          LateText<TId, "fanInTooMany", { node: TId; parents: `${TParents["length"]}`; fanIn: TFanIn & string }>,
          FanInOf<TParents>
        >;

export type FirstBatchArgument<TParents extends readonly string[], TId extends string> = TParents["length"] extends 0
  ? FlowTypeError<LateText<TId, "rootStartWhen", { node: TId }>>
  : "first_batch";

export type StartArgument<TParents extends readonly string[], TId extends string> = TParents["length"] extends 0
  ? FlowTypeError<LateText<TId, "rootStartWhen", { node: TId }>>
  : "first_batch" | "ended";
