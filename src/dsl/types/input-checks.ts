import type { NodeRecords, OutputOf } from "../../builtins/node-records.ts";
import type { JoinList, Say } from "../../graph/format/messages.ts";
import type { AnyInputAdapter } from "./adapter.ts";
import type { InputOf } from "./args-checks.ts";
import type { EdgeText, GatherText, MismatchText } from "./edge-text.ts";
import type { AnyHandler } from "./handler.ts";
import type { Absent, FlowTypeError } from "./markers.ts";
import type { Chunk, IsAssignable, ListKeys, PayloadOf, SourcesOf } from "./payload.ts";

/** The edges of a rechunk that don't fit, one sentence a source. */
export type ChunkErrors<
  TNodes extends NodeRecords,
  TSources extends readonly unknown[],
  TId extends string,
  TListKey,
  TInput,
> = TSources extends readonly [infer TSource extends string, ...infer TRest]
  ? [
      ...(IsAssignable<Chunk<OutputOf<TNodes, TSource>, TListKey>, TInput> extends true
        ? []
        : [EdgeText<TSource, TId, Chunk<OutputOf<TNodes, TSource>, TListKey>, TInput>]),
      ...ChunkErrors<TNodes, TRest, TId, TListKey, TInput>,
    ]
  : [];

export type ListKeyArgument<
  TListKey,
  TNodes extends NodeRecords,
  TId extends string,
  THandler extends AnyHandler,
  TParents extends readonly string[],
  TFrom,
> = TListKey extends string
  ? TListKey extends ListKeys<OutputOf<TNodes, SourcesOf<TParents, TFrom>>>
    ? IsAssignable<Chunk<OutputOf<TNodes, SourcesOf<TParents, TFrom>>, TListKey>, InputOf<THandler>> extends true
      ? TListKey
      : FlowTypeError<
          JoinList<ChunkErrors<TNodes, ListedSources<TParents, TFrom>, TId, TListKey, InputOf<THandler>>, "; ">
        >
    :
        | ListKeys<OutputOf<TNodes, SourcesOf<TParents, TFrom>>>
        | FlowTypeError<
            Say<"notAList", { node: TId; key: TListKey; from: JoinList<ListedSources<TParents, TFrom>, ", "> }>
          >
  : TListKey;

/** What an adapter makes of its sources and the handler does not take, in words. */
export type InputText<
  THandler extends AnyHandler,
  TId extends string,
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TAdapter,
  TFrom,
  TFanIn,
  TAdapters extends AnyInputAdapter,
> = TAdapter extends "pull.from_artifacts"
  ? EdgeText<TParents[number], TId, OutputOf<TNodes, TParents[number]>, InputOf<THandler>>
  : TAdapter extends "pull.from_artifacts.rechunk:size"
    ? JoinList<ChunkErrors<TNodes, ListedSources<TParents, TFrom>, TId, Absent, InputOf<THandler>>, "; ">
    : TAdapter extends "pull.gather"
      ? GatherText<
          TId,
          PayloadOf<TNodes, TParents, TAdapter, TFrom, Absent, TFanIn, TAdapters>,
          InputOf<THandler>,
          ListedSources<TParents, TFrom>
        >
      : Say<
          "adapterInput",
          {
            node: TId;
            why: MismatchText<
              PayloadOf<TNodes, TParents, TAdapter, TFrom, Absent, TFanIn, TAdapters>,
              InputOf<THandler>
            >;
          }
        >;

/** The sources in the order in which they were written; of aliases nothing has an order. */
type ListedSources<TParents extends readonly string[], TFrom> = TFrom extends readonly string[]
  ? TFrom
  : TFrom extends Absent
    ? TParents
    : [];
