import type { Absent, IsAssignable } from "../../../builtins/node-records.ts";
import type { Show } from "../../../graph/data/show-type.ts";
import type { Join, Say } from "../../../graph/format/messages.ts";
import type { AnyHandler, ArgsOf, InputOf } from "../../model/handler.ts";
import type { FlowTypeError } from "../../model/markers.ts";

/** A root that makes no batches of its own takes its input as args, as one batch. */
export type RootArgs<THandler extends AnyHandler> = THandler["$infer"]["source"] extends true
  ? ArgsOf<THandler>
  : InputOf<THandler> extends Absent
    ? ArgsOf<THandler>
    : {} extends ArgsOf<THandler>
      ? InputOf<THandler>
      : InputOf<THandler> & ArgsOf<THandler>;

/** What `args` takes at a place in the flow. */
export type ArgsAt<THandler extends AnyHandler, TParents extends readonly string[]> = TParents["length"] extends 0
  ? RootArgs<THandler>
  : ArgsOf<THandler>;

/** What is missing among the args, in words; `true` when nothing is. */
export type ArgsProblem<THandler extends AnyHandler, TId extends string, TArgs, TArgKeys> = {} extends TArgs
  ? true
  : TArgs extends NotAnObject
    ? Say<"rootInputNotObject", { node: TId; handler: THandler["name"]; type: Show<TArgs> }>
    : [MissingKeys<TArgs, TArgKeys>] extends [never]
      ? true
      : Say<
          IsAssignable<ArgsOf<THandler>, TArgs> extends true ? "argsMissing" : "rootInputMissing",
          { node: TId; handler: THandler["name"]; keys: Join<MissingKeys<TArgs, TArgKeys>, ", "> }
        >;

type NotAnObject = string | number | boolean | null | readonly unknown[];

/** A sentence at each key that the handler doesn't know; it makes the key known, so the compiler has no words of its own. */
export type UnknownArgs<THandler extends AnyHandler, TId extends string, TKeys> = [TKeys] extends [never]
  ? unknown
  : {
      readonly [TKey in TKeys & string]?: FlowTypeError<
        Say<"argUnknown", { node: TId; handler: THandler["name"]; key: TKey }>
      >;
    };

/** Nearly always all keys are there; which of them may be missing costs ten times as much to find out. */
export type MissingKeys<T, TWritten> = [keyof T] extends [TWritten] ? never : Exclude<RequiredKeys<T>, TWritten>;

type RequiredKeys<T> = { [TKey in keyof T]-?: {} extends Pick<T, TKey> ? never : TKey }[keyof T] & string;
