import type { LateText } from "../../../graph/format/messages.ts";
import type { Wrong } from "../../model/markers.ts";

type FanInOf<TParents extends readonly string[]> =
  | "all"
  | "any"
  // with optional elements, a tuple of n has the lengths 0 to n
  | `count:${Exclude<Partial<TParents>["length"], 0>}`;

/* A right value returns all right values: TypeScript 5.9 would complete by the type of the default, "all". */
export type FanInArgument<TFanIn, TParents extends readonly string[], TId extends string> = TParents["length"] extends 0
  ? TFanIn extends "all"
    ? TFanIn
    : Wrong<LateText<TId, "rootFanIn", { node: TId; fanIn: TFanIn & string }>, "all">
  : TFanIn extends "any" | "count:1"
    ? TFanIn
    : TFanIn extends FanInOf<TParents>
      ? FanInOf<TParents>
      : Wrong<
          LateText<TId, "fanInTooMany", { node: TId; parents: `${TParents["length"]}`; fanIn: TFanIn & string }>,
          FanInOf<TParents>
        >;

/* `startWhen` of a coordinator function's node. */
export type FnStartArgument<TParents extends readonly string[], TId extends string> = TParents["length"] extends 0
  ? Wrong<LateText<TId, "rootStartWhen", { node: TId }>, "ready">
  : "ready" | "first_batch";

export type StartArgument<TParents extends readonly string[], TId extends string> = TParents["length"] extends 0
  ? Wrong<LateText<TId, "rootStartWhen", { node: TId }>, "ready">
  : "ready" | "first_batch" | "ended";
