import type { Json } from "../../../errors/index.ts";
import type { AnyJson, Show } from "../../../graph/data/show-type.ts";
import type { Say } from "../../../graph/format/messages.ts";
import type { FlowTypeError } from "../../model/markers.ts";
import type { ParamReference } from "../../model/param.ts";

/** Where an argument stands: under the key `TKey`, which needs a `TNeeded`, for which the parameters `TFits` will do. */
interface Place<TKey, TNeeded, TFits, TParams> {
  readonly key: TKey;
  readonly needed: TNeeded;
  readonly fits: TFits;
  readonly params: TParams;
}

/**
 * Arguments where any value, at any depth, may be a parameter whose type fits.
 *
 * A mapped type from the outside in, and not a conditional one: when the compiler looks for the place of a `param(...)`,
 * the node's other options are not inferred yet, and of types that still wait it reads keys of mapped ones only.
 */
export type WithParams<TArgs, TParams> = {
  readonly [TKey in keyof TArgs]:
    | TArgs[TKey]
    | ParamFor<TKey, TArgs[TKey], FittingParams<TParams, TArgs[TKey]>, TParams>
    | WithParams<Inside<TArgs[TKey]>, TParams>
    | InsideJson<TArgs[TKey], TParams>;
};

export type ParamFor<TKey, TNeeded, TFits extends string, TParams> = ParamReference<
  TFits,
  Place<TKey, TNeeded, TFits, TParams>
>;

/** What has an inside: a mapped type leaves scalars as they are. JSON as such would be walked forever. */
type Inside<T> = AnyJson extends T ? never : T & {};
type InsideJson<T, TParams> = AnyJson extends T ? Value<TParams> : never;

/** JSON, or a parameter anywhere in it. */
type Value<TParams> =
  | Json
  | ParamReference<keyof TParams & string>
  | readonly Value<TParams>[]
  | { readonly [key: string]: Value<TParams> };

/** The parameters that fit a type. Where any JSON may stand, or a place inside it isn't known, any does. */
type FittingParams<TParams, TNeeded> = [TNeeded] extends [never]
  ? keyof TParams & string
  : AnyJson extends TNeeded
    ? keyof TParams & string
    : keyof { [TName in keyof TParams as [TParams[TName]] extends [TNeeded] ? TName : never]: TName } & string;

/** Judged on the name inside `param("...")`; a reference that is made elsewhere is judged where it is put. */
export type ParamName<TName extends string, TPlace> = [TPlace] extends [never]
  ? TName
  : TPlace extends AnyPlace
    ? TName extends TPlace["fits"]
      ? TName
      : TPlace["fits"] | FlowTypeError<ParamText<TName, TPlace>>
    : TName;

export type ParamText<TName extends string, TPlace extends AnyPlace> = TName extends keyof TPlace["params"]
  ? Say<
      "paramType",
      { param: TName; is: Show<TPlace["params"][TName]>; key: TPlace["key"]; needs: Show<TPlace["needed"]> }
    >
  : Say<"unknownParam", { param: TName }>;

/** A name that doesn't fit was refused where it stands: said a second time, at the key, it would be noise. */
export type AcceptedName<TName extends string, TPlace> = [TPlace] extends [never]
  ? TName
  : TPlace extends AnyPlace
    ? TPlace["fits"]
    : TName;

type AnyPlace = Place<unknown, unknown, string, unknown>;
