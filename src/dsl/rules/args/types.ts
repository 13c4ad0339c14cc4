import type { Absent, IsAssignable, IsNever, Recorded } from "../../../builtins/node-records.ts";
import type { Show } from "../../../graph/data/show-type.ts";
import type { Join, MessageText } from "../../../graph/format/messages.ts";
import type { AnyHandler, ArgsOf, InputOf } from "../../model/handler.ts";
import type { WrongOption } from "../../model/markers.ts";

/* A root without `iterBatches` gets its input from `args`, as one batch. */
export type RootArgs<THandler extends AnyHandler> = THandler["$infer"]["source"] extends true
  ? ArgsOf<THandler>
  : InputOf<THandler> extends Absent
    ? ArgsOf<THandler>
    : InputOf<THandler> & ArgsOf<THandler>;

/* The type of `args` at a place in the flow. */
export type ArgsAt<THandler extends AnyHandler, TParents extends readonly string[]> = TParents["length"] extends 0
  ? RootArgs<THandler>
  : ArgsOf<THandler>;

/* The message about missing args; `true` if none is missing. */
export type ArgsProblem<THandler extends AnyHandler, TId extends string, TArgs, TArgKeys> = {} extends TArgs
  ? true
  : TArgs extends NotAnObject
    ? MessageText<"rootInputNotObject", { node: TId; handler: THandler["name"]; type: Show<TArgs> }>
    : IsNever<MissingKeys<TArgs, TArgKeys>> extends true
      ? true
      : MessageText<
          IsAssignable<ArgsOf<THandler>, TArgs> extends true ? "argsMissing" : "rootInputMissing",
          { node: TId; handler: THandler["name"]; keys: Join<MissingKeys<TArgs, TArgKeys>, ", "> }
        >;

type NotAnObject = string | number | boolean | null | readonly unknown[];

/* A message at each unknown key. It makes the key known, so the compiler does not report the key in its own words. */
export type UnknownArgs<THandler extends AnyHandler, TId extends string, TKeys> = [TKeys] extends [never]
  ? unknown
  : {
      readonly [TKey in TKeys & string]?: WrongOption<
        MessageText<"argUnknown", { node: TId; handler: THandler["name"]; key: TKey }>
      >;
    };

/*
 * Nearly always no key is missing, and computing which keys are required costs ten times as much. A value of type `never`
 * is valid for every key.
 */
export type MissingKeys<T, TWritten> =
  Recorded<TWritten & string, never> extends T ? never : Exclude<RequiredKeys<T>, TWritten>;

/* An optional key does not extend one that is required; an index signature does. */
type RequiredKeys<T> = {
  [TKey in keyof T]-?: T extends Recorded<TKey & string, unknown> ? (string extends TKey ? never : TKey) : never;
}[keyof T] &
  string;
