import type { BuiltInAdapters, ChunkText, ListKeys } from "../../builtins/input-adapters/index.ts";
import type { Absent, IsAssignable, NodeRecords, OutputOf } from "../../builtins/node-records.ts";
import type { JoinList, Say } from "../../graph/format/messages.ts";
import type { AdapterName, AnyInputAdapter } from "./adapter.ts";
import type { ArgsOf, ArgsProblem, InputOf } from "./args-checks.ts";
import type { AnyHandler } from "./handler.ts";
import type { InputText } from "./input-checks.ts";
import type { PayloadOf } from "./payload.ts";
import type { Suggested, SuggestedName } from "./suggested-input.ts";

/**
 * What is wrong with a node that has parents and names no adapter, where its handler suggests one. All of it is judged on
 * the handler. What is no adapter at all was refused where the handler is defined.
 */
export type SuggestionProblem<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TSuggested extends Suggested,
  TFanIn,
  TArgKeys,
  TAdapters extends AnyInputAdapter,
> = TSuggested["adapter"] extends keyof BuiltInAdapters | AnyInputAdapter
  ? SuggestedName<TSuggested["adapter"]> extends AdapterName<TAdapters>
    ? OfKnownNodes<
        Delivery<
          THandler,
          TId,
          TNodes,
          TParents,
          SuggestedName<TSuggested["adapter"]>,
          TSuggested extends { readonly metaListKey: infer TListKey extends string } ? TListKey : Absent,
          TFanIn,
          TArgKeys,
          TAdapters
        >,
        TNodes,
        TParents
      >
    : Say<"unknownAdapter", { adapter: SuggestedName<TSuggested["adapter"]> }>
  : true;

/** A parent that there isn't is refused where it stands: what it would deliver is no one's mistake. */
type OfKnownNodes<TProblem, TNodes extends NodeRecords, TParents extends readonly string[]> = true extends TProblem
  ? true
  : [TParents[number]] extends [keyof (TNodes["old"] & TNodes["young"])]
    ? TProblem
    : true;

type Delivery<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TAdapter,
  TListKey,
  TFanIn,
  TArgKeys,
  TAdapters extends AnyInputAdapter,
> = TListKey extends Absent | ListKeys<OutputOf<TNodes, TParents[number]>>
  ? IsAssignable<
      PayloadOf<TNodes, TParents, TAdapter, Absent, TListKey, TFanIn, TAdapters>,
      InputOf<THandler>
    > extends true
    ? ArgsProblem<THandler, TId, ArgsOf<THandler>, TArgKeys>
    : TListKey extends string
      ? ChunkText<TNodes, TParents, Absent, TId, TListKey, InputOf<THandler>>
      : InputText<THandler, TId, TNodes, TParents, TAdapter, Absent, TFanIn, TAdapters>
  : Say<"notAList", { node: TId; key: TListKey; from: JoinList<TParents, ", "> }>;
