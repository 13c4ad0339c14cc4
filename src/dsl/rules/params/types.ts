import type { BuiltInFunctionName } from "../../../builtins/coordinator-functions/index.ts";
import type { IsIn } from "../../../builtins/node-records.ts";
import type { Json } from "../../../errors/index.ts";
import type { AnyJson, Show } from "../../../graph/data/show-type.ts";
import type { MessageText } from "../../../graph/format/messages.ts";
import type { Wrong, WrongOption } from "../../model/markers.ts";
import type { ParamReference } from "../../model/param.ts";

/* The place of an argument: the key `TKey`, which needs a `TNeeded`, which the parameters `TFits` match. */
interface Place<TKey, TNeeded, TFits, TParams> {
  readonly key: TKey;
  readonly needed: TNeeded;
  readonly fits: TFits;
  readonly params: TParams;
}

/*
 * Arguments in which any value, at any depth, may be a parameter of a matching type.
 *
 * Mapped types at every level instead of conditional ones: when the compiler looks for the place of a `param(...)`, the
 * node's other options are not inferred yet, and of deferred types it only reads the keys of mapped ones.
 */
export type WithParams<TArgs, TParams> = {
  readonly [TKey in keyof TArgs]:
    | TArgs[TKey]
    | ParamFor<TKey, TArgs[TKey], FittingParams<TParams, TArgs[TKey]>, TParams>
    | Inside<TArgs[TKey], TParams>;
};

/*
 * The same for the arguments of a coordinator function, of which the compiler knows nothing when it looks for the place:
 * it finds none in the branches of one condition for lists, objects and JSON.
 */
export type FnWithParams<TArgs, TParams> = {
  readonly [TKey in keyof TArgs]:
    | TArgs[TKey]
    | ParamFor<TKey, TArgs[TKey], FittingParams<TParams, TArgs[TKey]>, TParams>
    | FnWithParams<Structure<TArgs[TKey]>, TParams>
    | InsideJson<TArgs[TKey], TParams>;
};

type Structure<T> = AnyJson extends T ? never : T & {};
type InsideJson<T, TParams> = AnyJson extends T ? Value<TParams> : never;

export type ParamFor<TKey, TNeeded, TFits extends string, TParams> = ParamReference<
  TFits,
  Place<TKey, TNeeded, TFits, TParams>
>;

/* Objects and lists; a mapped type leaves scalars unchanged. The type of all JSON would recurse without end. */
type Inside<T, TParams> = AnyJson extends T ? Value<TParams> : WithParams<T & {}, TParams>;

/* JSON with parameters anywhere in it. */
type Value<TParams> =
  | Json
  | ParamReference<keyof TParams & string>
  | readonly Value<TParams>[]
  | { readonly [key: string]: Value<TParams> };

/*
 * The parameters that match a type. Where any JSON is accepted, or the type of a place inside it is not known, all
 * match.
 */
type FittingParams<TParams, TNeeded> = [TNeeded] extends [never]
  ? keyof TParams & string
  : AnyJson extends TNeeded
    ? keyof TParams & string
    : keyof { [TName in keyof TParams as [TParams[TName]] extends [TNeeded] ? TName : never]: TName } & string;

/* A number of seconds, or a parameter that is one. */
export type DelayArgument<TParams> = number | ParamFor<"delaySec", number, FittingParams<TParams, number>, TParams>;

/* The same for a coordinator function: a node that waits for a signal has no delay. */
export type FnDelayArgument<TFn, TParams, TId extends string> = TFn extends WaitFunction
  ? WrongOption<MessageText<"waitDelayed", { node: TId }>>
  : DelayArgument<TParams>;

type WaitFunction = Extract<BuiltInFunctionName, "wait.signal">;

/*
 * Reported at the name inside `param("...")`; a reference that is created elsewhere is reported where it is used.
 *
 * A property, so that the type of the name is not an alias: for the completions inside a string, the compiler compares all
 * that an alias may be. `NoInfer` keeps it out of the message, which would cost it millions of instantiations.
 */
export interface ParamName<TName extends string, TPlace> {
  readonly name: [TPlace] extends [never]
    ? TName
    : TPlace extends AnyPlace
      ? IsIn<TName, TPlace["fits"]> extends false
        ? NoInfer<Wrong<ParamText<TName, TPlace>, TPlace["fits"]>>
        : TName
      : TName;
}

export type ParamText<TName extends string, TPlace extends AnyPlace> = TName extends keyof TPlace["params"]
  ? MessageText<
      "paramType",
      { param: TName; is: Show<TPlace["params"][TName]>; key: TPlace["key"]; needs: Show<TPlace["needed"]> }
    >
  : MessageText<"unknownParam", { param: TName }>;

/* A wrong name was reported inside `param(...)`: a second report, at the key, would be noise. */
export type AcceptedName<TName extends string, TPlace> = [TPlace] extends [never]
  ? TName
  : TPlace extends AnyPlace
    ? TPlace["fits"]
    : TName;

type AnyPlace = Place<unknown, unknown, string, unknown>;
