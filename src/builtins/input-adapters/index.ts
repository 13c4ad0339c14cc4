import type { Absent, NodeRecords } from "../node-records.ts";
import type { BuiltInAdapter } from "./adapter.ts";
import type { PullArgs } from "./args.ts";
import { type Failed, type FailedText, failures } from "./failures.ts";
import { type Gathered, type GatheredText, gather } from "./gather.ts";
import { type EndedText, outcomes } from "./outcomes.ts";
import { type Pulled, type PulledText, pull } from "./pull.ts";
import { type Chunk, type EachArgs, type Element, each, type PieceText, type RechunkArgs, rechunk } from "./rechunk.ts";

export type { BuiltInAdapter, StreamAdapter } from "./adapter.ts";
export { commonAdapterArgs, type PullArgs, spellOutArgs, splitArgs } from "./args.ts";
export type { AliasPayload, GatherFits } from "./gather.ts";
export type { OutcomeAt, OutcomesAdapter } from "./outcomes.ts";
export { pullEach } from "./pull.ts";
export type { ListKeys, Piece, PieceText } from "./rechunk.ts";

/** The built-in input adapters, by their name in a normalised graph. */
const adapters = {
  "pull.from_artifacts": pull,
  "pull.from_artifacts.rechunk:size": rechunk,
  "pull.from_artifacts.each": each,
  "pull.gather": gather,
  "pull.failures": failures,
  "pull.outcomes": outcomes,
} as const satisfies { readonly [TName in BuiltInAdapterName]: BuiltInAdapter };

/** The builder's arguments besides `from` and `metaListKey`, which have their own checks. */
export interface BuiltInAdapters {
  "pull.from_artifacts": PullArgs;
  "pull.from_artifacts.rechunk:size": RechunkArgs;
  "pull.from_artifacts.each": EachArgs;
  "pull.gather": PullArgs;
  "pull.failures": PullArgs;
  "pull.outcomes": PullArgs;
}

/** The payload of a batch. A record, so that only the chosen adapter's entry is instantiated. */
export interface Delivered<TNodes extends NodeRecords, TParents extends readonly string[], TFrom, TListKey, TFanIn> {
  "pull.from_artifacts": Pulled<TNodes, TParents, TFrom>;
  "pull.from_artifacts.rechunk:size": Chunk<Pulled<TNodes, TParents, TFrom>, TListKey>;
  "pull.from_artifacts.each": Element<Pulled<TNodes, TParents, TFrom>, TListKey>;
  "pull.gather": Gathered<TNodes, TParents, TFrom, TFanIn>;
  "pull.failures": Failed<TNodes, TParents, TFrom>;
  "pull.outcomes": Pulled<TNodes, TParents, TFrom>;
}

/** The mismatch with the node's input, as a sentence. With a list key, which `each` requires, another rule words it. */
export interface DeliveredText<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TFrom,
  TFanIn,
  TId extends string,
  TInput,
> {
  "pull.from_artifacts": PulledText<TNodes, TParents, TId, TInput>;
  "pull.from_artifacts.rechunk:size": PieceText<TNodes, TParents, Absent, TFrom, TId, Absent, TInput>;
  "pull.from_artifacts.each": never;
  "pull.gather": GatheredText<TNodes, TParents, TFrom, TFanIn, TId, TInput>;
  "pull.failures": FailedText<TNodes, TParents, TFrom, TId, TInput>;
  "pull.outcomes": EndedText<TNodes, TParents, TFrom, TId, TInput>;
}

/** The default adapter. Its deliveries are checked source by source. */
export type DefaultAdapter = "pull.from_artifacts";
export const defaultAdapter: DefaultAdapter = "pull.from_artifacts";
/** The adapters with a `metaListKey`. */
export type TakesListKey = "pull.from_artifacts.rechunk:size" | "pull.from_artifacts.each";
/** The adapters whose `from` may be a record. */
export type TakesAliases = "pull.gather";
/** The adapter that replaces the `batching` of external programs' commands in a graph. */
export const batchingAdapter: BuiltInAdapterName = "pull.from_artifacts.rechunk:size";

/** The name of a built-in input adapter. */
export type BuiltInAdapterName = keyof BuiltInAdapters;

/**
 * The built-in input adapters, by their name in a normalised graph.
 *
 * @example
 * builtInAdapters["pull.from_artifacts.rechunk:size"].args.parse({ size: 10 }) // { size: 10, eof_on_task_done: true }
 */
export const builtInAdapters = namesAndArgs(adapters);

/** Inferred, so that the declarations contain only these and not the whole adapters. */
function namesAndArgs<TTable extends Readonly<Record<string, BuiltInAdapter>>>(table: TTable) {
  return table as {
    readonly [TName in keyof TTable]: { readonly aliases: readonly string[]; readonly args: TTable[TName]["args"] };
  };
}

/** Whether a built-in input adapter has this name. */
export function isBuiltInAdapter(name: string): name is BuiltInAdapterName {
  return Object.hasOwn(adapters, name);
}

/** `undefined` for a custom adapter. */
export function builtInAdapter(name: string): BuiltInAdapter | undefined {
  return isBuiltInAdapter(name) ? adapters[name] : undefined;
}

const byAlias: ReadonlyMap<string, string> = new Map(
  Object.entries(adapters).flatMap(([name, { aliases }]) => aliases.map((alias) => [alias, name] as const)),
);

/**
 * The name of an adapter, with aliases resolved; other names are returned unchanged.
 *
 * @example
 * adapterName("pull.gather") // "pull.gather"
 * adapterName("pull.artifacts") // "pull.from_artifacts"
 */
export function adapterName(name: string): string {
  return byAlias.get(name) ?? name;
}

/** All names of the built-in adapters, which misspelt names are compared with. */
export const adapterSpellings: readonly string[] = [...Object.keys(adapters), ...byAlias.keys()];

/** The adapters that external workers support. */
export const adaptersOnWire: readonly string[] = Object.entries<BuiltInAdapter>(adapters)
  .filter(([, { isOnWire }]) => isOnWire)
  .map(([name]) => name);
