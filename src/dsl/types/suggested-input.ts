import type { BuiltInAdapters } from "../../builtins/input-adapters/index.ts";
import type { Absent } from "../../builtins/node-records.ts";
import type { Join, Say } from "../../graph/format/messages.ts";
import type { AdapterArgs, AnyInputAdapter, ListKeyOption } from "./adapter.ts";
import type { AnyString, FlowTypeError } from "./markers.ts";
import type { MissingKeys } from "./missing-keys.ts";

/*
 * The input adapter that a handler suggests, where the handler is defined: that the adapter is known and has its
 * arguments. What it delivers is judged where a node names none of its own.
 */

/** As it was written. */
export interface Suggested {
  readonly adapter: AnyString | AnyInputAdapter;
}

export type SuggestedName<TAdapter> = TAdapter extends AnyInputAdapter ? TAdapter["name"] : TAdapter;

/** What was written is inferred from, and not asked for: a hard constraint that fails would hide every other check. */
type Inferred<TSuggested> = [TSuggested] extends [never] ? TSuggested : {};

export type SuggestedInput<THandler extends string, TInput, TSuggested> = Inferred<TSuggested> &
  (TSuggested extends Suggested ? Judged<THandler, TInput, TSuggested["adapter"], keyof TSuggested> : TSuggested);

type Judged<THandler extends string, TInput, TAdapter, TKeys> = {
  /** A built-in one by its name, or one of your own: what `defineInputAdapter` made. Its arguments stand beside it. */
  readonly adapter: JudgedAdapter<THandler, TInput, TAdapter, TKeys>;
} & ArgsOf<TAdapter> &
  ListKeyOption<TAdapter, string> &
  UnknownArgs<THandler, TAdapter, TKeys>;

type ArgsOf<TAdapter> = AdapterArgs<SuggestedName<TAdapter>, Extract<TAdapter, AnyInputAdapter>>;

type JudgedAdapter<THandler extends string, TInput, TAdapter, TKeys> = TAdapter extends
  | keyof BuiltInAdapters
  | AnyInputAdapter
  ? TInput extends Absent
    ? FlowTypeError<Say<"suggestionUnread", { handler: THandler }>>
    : [MissingKeys<ArgsOf<TAdapter>, TKeys>] extends [never]
      ? TAdapter
      : FlowTypeError<
          Say<
            "missingArg",
            { owner: Owner<THandler>; name: Named<TAdapter>; key: Join<MissingKeys<ArgsOf<TAdapter>, TKeys>, "', '"> }
          >
        >
  : keyof BuiltInAdapters | FlowTypeError<Say<"suggestionUnknown", { handler: THandler; adapter: TAdapter }>>;

/** A sentence at each key that the adapter doesn't know. */
type UnknownArgs<THandler extends string, TAdapter, TKeys> = [TKeys] extends [KnownKeys<TAdapter>]
  ? unknown
  : {
      readonly [TKey in Exclude<TKeys, KnownKeys<TAdapter>> & string]?: FlowTypeError<
        TKey extends "metaListKey"
          ? Say<"listKeyNotTaken", { adapter: SuggestedName<TAdapter> }>
          : Say<"unknownArg", { owner: Owner<THandler>; name: Named<TAdapter>; key: TKey }>
      >;
    };

type KnownKeys<TAdapter> = "adapter" | keyof ArgsOf<TAdapter> | keyof ListKeyOption<TAdapter, unknown>;

type Owner<THandler extends string> = `handler '${THandler}'`;
type Named<TAdapter> = `adapter '${SuggestedName<TAdapter> & string}'`;
