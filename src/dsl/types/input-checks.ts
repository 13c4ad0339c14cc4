import type {
  BuiltInAdapters,
  Chunk,
  ChunkText,
  DeliveredText,
  ListKeys,
} from "../../builtins/input-adapters/index.ts";
import type {
  Absent,
  IsAssignable,
  ListedSources,
  NodeRecords,
  OutputOf,
  SourcesOf,
} from "../../builtins/node-records.ts";
import type { MismatchText } from "../../graph/data/mismatch.ts";
import type { JoinList, Say } from "../../graph/format/messages.ts";
import type { AnyInputAdapter } from "./adapter.ts";
import type { InputOf } from "./args-checks.ts";
import type { AnyHandler } from "./handler.ts";
import type { FlowTypeError } from "./markers.ts";
import type { PayloadOf } from "./payload.ts";

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
      : FlowTypeError<ChunkText<TNodes, TParents, TFrom, TId, TListKey, InputOf<THandler>>>
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
> = TAdapter extends keyof BuiltInAdapters
  ? DeliveredText<TNodes, TParents, TFrom, TFanIn, TId, InputOf<THandler>>[TAdapter]
  : Say<
      "adapterInput",
      {
        node: TId;
        why: MismatchText<PayloadOf<TNodes, TParents, TAdapter, TFrom, Absent, TFanIn, TAdapters>, InputOf<THandler>>;
      }
    >;
