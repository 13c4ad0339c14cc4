import * as z from "zod";
import type { Json } from "../../errors/index.ts";
import { anyData, type DataType, elementOf, listOf, unionOf } from "../../graph/data/data-type.ts";
import type { EdgeText } from "../../graph/data/mismatch.ts";
import { formatMessage, type JoinList } from "../../graph/format/messages.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import type { IsAssignable, ListedSources, NodeRecords, OutputOf } from "../node-records.ts";
import { builtIn, type Deliveries, type DeliveryFault, type Reading } from "./adapter.ts";
import { commonAdapterArgs, type PullArgs } from "./args.ts";

/** The items of `meta[key]` if that is a list; otherwise the meta is the only item. Keys are not guessed. */
function itemsAt(meta: Json, key: string | undefined): readonly Json[] {
  const value = key !== undefined && isObject(meta) && Object.hasOwn(meta, key) ? meta[key] : undefined;
  return Array.isArray(value) ? value : [meta];
}

/**
 * `pull.from_artifacts.rechunk:size`: splits the list at `meta_list_key` into chunks of `size`. Chunks never span
 * artifacts. An empty list makes no batch.
 */
export const rechunk = builtIn({
  aliases: ["pull.from_artifacts.rechunk", "pull.rechunk"],
  args: commonAdapterArgs.extend({
    /** Items per batch. */
    size: z.int().min(1),
    /** The key of the list to split. @defaultValue none: each artifact is one item */
    meta_list_key: z.string().min(1).optional(),
  }),
  takesListKey: true,
  isOnWire: true,
  batches: ({ size, meta_list_key: key }) => ({
    whole: false,
    expand(meta) {
      const items = itemsAt(meta, key);
      const chunks: Json[] = [];
      for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
      return chunks;
    },
  }),
  faults: (reading, wanted, deliveries) =>
    faultsOf(reading, wanted, deliveries, ({ listKey }, output) =>
      listKey === undefined ? listOf(output) : cutInto(output, String(listKey), listOf),
    ),
});

/** `pull.from_artifacts.each`: one batch for each element of the list at `meta_list_key`. An empty list makes none. */
export const each = builtIn({
  aliases: [],
  args: commonAdapterArgs.extend({
    /** The key of the list. */
    meta_list_key: z.string().min(1),
  }),
  takesListKey: true,
  needsListKey: true,
  isNew: true,
  batches: ({ meta_list_key: key }) => ({ whole: false, expand: (meta) => itemsAt(meta, key) }),
  faults: (reading, wanted, deliveries) =>
    faultsOf(reading, wanted, deliveries, ({ listKey }, output) =>
      listKey === undefined ? anyData : cutInto(output, String(listKey), (element) => element),
    ),
});

/** @param cut - the type that is delivered of an output; `undefined` if it does not have the list */
function faultsOf(
  reading: Reading,
  wanted: DataType,
  deliveries: Deliveries,
  cut: (reading: Reading, output: DataType) => DataType | undefined,
): readonly DeliveryFault[] {
  const { nodeId: to, adapter, listKey, sources } = reading;
  const at = listKey === undefined ? "adapter" : "listKey";
  const pieces = sources.map((source) => {
    const output = deliveries.outputOf(source);
    const make = () => (output.kind === "any" ? anyData : cut(reading, output));
    return { source, piece: deliveries.once(output, JSON.stringify([adapter, listKey]), make) };
  });
  const without = pieces.filter(({ piece }) => piece === undefined);
  if (without.length > 0) {
    const all = sources.map(({ nodeId }) => nodeId).join(", ");
    const message = formatMessage("notAList", { node: to, key: String(listKey), from: all });
    return [{ from: without.map(({ source }) => source.nodeId), to, message, at }];
  }
  const faults = pieces.flatMap(({ source: { nodeId: from }, piece }) => {
    const message = piece === undefined ? undefined : deliveries.edgeFault({ from, to, given: piece, wanted });
    return message === undefined ? [] : [{ from, message }];
  });
  if (faults.length === 0) return [];
  const message = faults.map((fault) => fault.message).join("; ");
  return [{ from: faults.map(({ from }) => from), to, message, at }];
}

/** The type made from the elements of an output's list; `undefined` if it does not have the list. */
function cutInto(output: DataType, key: string, make: (element: DataType) => DataType): DataType | undefined {
  const parts = (output.kind === "union" ? output.members : [output]).map((part) => elementsAt(part, key));
  const elements = parts.filter((part) => part !== undefined);
  return elements.length < parts.length ? undefined : unionOf(elements.map(make));
}

function elementsAt(output: DataType, key: string): DataType | undefined {
  if (output.kind !== "object") return undefined;
  const field = output.fields.get(key);
  if (field?.optional) return undefined;
  const list = (field?.type ?? output.others)?.();
  if (list?.kind === "any") return anyData;
  const members = list?.kind === "union" ? list.members : [list];
  const elements = members.flatMap((member) => (member?.kind === "list" ? [elementOf(member)] : []));
  return elements.length < members.length ? undefined : unionOf(elements);
}

export interface RechunkArgs extends PullArgs {
  /** The maximum number of elements per batch; an integer, 1 or more. */
  readonly size: number;
}

export interface EachArgs extends PullArgs {
  /** The key of the list in each output, each element of which is a batch. */
  readonly metaListKey: unknown; // narrowed by the rule for list keys
}

/** The keys whose value is a list in every one of the outputs. */
export type ListKeys<TOutputs> = {
  [TKey in keyof TOutputs]: TOutputs[TKey] extends readonly unknown[] ? TKey : never;
}[keyof TOutputs] &
  string;

/** One chunk of one artifact of each output: chunks never span artifacts, so this is a union of lists. */
export type Chunk<TOutput, TListKey> = TListKey extends string
  ? TOutput extends { readonly [TKey in TListKey]: readonly unknown[] }
    ? TOutput[TListKey][number][]
    : never
  : TOutput extends unknown
    ? TOutput[]
    : never;

/** One element of the list in any of the outputs. */
export type Element<TOutput, TListKey> = TListKey extends string ? Chunk<TOutput, TListKey>[number] : never;

/** One payload that an adapter with a list key makes of an output. */
export type Piece<TAdapter, TOutput, TListKey> = TAdapter extends "pull.from_artifacts.each"
  ? Element<TOutput, TListKey>
  : Chunk<TOutput, TListKey>;

/** The edges that do not match, one sentence per source. */
export type PieceText<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TAdapter,
  TFrom,
  TId extends string,
  TListKey,
  TInput,
> = JoinList<PieceErrors<TNodes, ListedSources<TParents, TFrom>, TAdapter, TId, TListKey, TInput>, "; ">;

type PieceErrors<
  TNodes extends NodeRecords,
  TSources extends readonly unknown[],
  TAdapter,
  TId extends string,
  TListKey,
  TInput,
> = TSources extends readonly [infer TSource extends string, ...infer TRest]
  ? [
      ...(IsAssignable<Piece<TAdapter, OutputOf<TNodes, TSource>, TListKey>, TInput> extends true
        ? []
        : [EdgeText<TSource, TId, Piece<TAdapter, OutputOf<TNodes, TSource>, TListKey>, TInput>]),
      ...PieceErrors<TNodes, TRest, TAdapter, TId, TListKey, TInput>,
    ]
  : [];
