import * as z from "zod";
import type { Json } from "../../errors/index.ts";
import { anyData, type DataType, elementOf, listOf, unionOf } from "../../graph/data/data-type.ts";
import type { EdgeText } from "../../graph/data/mismatch.ts";
import { formatMessage, type JoinList } from "../../graph/format/messages.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import type { IsAssignable, ListedSources, NodeRecords, OutputOf } from "../node-records.ts";
import { builtIn } from "./adapter.ts";
import { commonAdapterArgs, type PullArgs } from "./args.ts";

/**
 * `pull.from_artifacts.rechunk:size`: splits `meta[meta_list_key]` into chunks of `size` if the key is given and the
 * value is a list; otherwise the meta is the only item. Chunks never span artifacts, and keys are not guessed. An empty
 * list makes no batch.
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
      const value = key !== undefined && isObject(meta) && Object.hasOwn(meta, key) ? meta[key] : undefined;
      const items: readonly Json[] = Array.isArray(value) ? value : [meta];
      const chunks: Json[] = [];
      for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
      return chunks;
    },
  }),
  faults({ nodeId: to, listKey, sources }, wanted, deliveries) {
    const at = listKey === undefined ? "adapter" : "listKey";
    const chunks = sources.map((source) => {
      const output = deliveries.outputOf(source);
      return { source, chunk: deliveries.once(output, listKey, () => cutInto(output, listKey)) };
    });
    const without = chunks.filter(({ chunk }) => chunk === undefined);
    if (without.length > 0) {
      const all = sources.map(({ nodeId }) => nodeId).join(", ");
      const message = formatMessage("notAList", { node: to, key: String(listKey), from: all });
      return [{ from: without.map(({ source }) => source.nodeId), to, message, at }];
    }
    const faults = chunks.flatMap(({ source: { nodeId: from }, chunk }) => {
      const message = chunk === undefined ? undefined : deliveries.edgeFault({ from, to, given: chunk, wanted });
      return message === undefined ? [] : [{ from, message }];
    });
    if (faults.length === 0) return [];
    const message = faults.map((fault) => fault.message).join("; ");
    return [{ from: faults.map(({ from }) => from), to, message, at }];
  },
});

/** The elements of one artifact's list, or of a list of artifacts; `undefined` without a list. */
function cutInto(output: DataType, listKey: Json | undefined): DataType | undefined {
  if (output.kind === "any" || listKey === undefined) return output.kind === "any" ? anyData : listOf(output);
  const parts = (output.kind === "union" ? output.members : [output]).map((part) => elementsAt(part, String(listKey)));
  const elements = parts.filter((part) => part !== undefined);
  return elements.length < parts.length ? undefined : unionOf(elements.map((element) => listOf(element)));
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

/** The keys whose value is a list in every one of the outputs. */
export type ListKeys<TOutputs> = {
  [TKey in keyof TOutputs]: TOutputs[TKey] extends readonly unknown[] ? TKey : never;
}[keyof TOutputs] &
  string;

/** One chunk of one artifact of each output: chunks never span artifacts, so this is a union of lists. */
export type Chunk<TOutput, TListKey> = TListKey extends string
  ? TOutput extends { readonly [TKey in TListKey]: readonly (infer TElement)[] }
    ? TElement[]
    : never
  : TOutput extends unknown
    ? TOutput[]
    : never;

/** The edges that do not match, one sentence per source. */
export type ChunkText<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TFrom,
  TId extends string,
  TListKey,
  TInput,
> = JoinList<ChunkErrors<TNodes, ListedSources<TParents, TFrom>, TId, TListKey, TInput>, "; ">;

type ChunkErrors<
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
