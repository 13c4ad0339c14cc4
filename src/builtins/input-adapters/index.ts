import type { Absent, NodeRecords } from "../node-records.ts";
import type { BuiltInAdapter } from "./adapter.ts";
import type { PullArgs } from "./args.ts";
import { type Gathered, type GatheredText, gather } from "./gather.ts";
import { type Pulled, type PulledText, pull } from "./pull.ts";
import { type Chunk, type ChunkText, type RechunkArgs, rechunk } from "./rechunk.ts";

export type { BuiltInAdapter, StreamAdapter } from "./adapter.ts";
export { commonAdapterArgs, type PullArgs, spellOutArgs, splitArgs } from "./args.ts";
export type { AliasPayload } from "./gather.ts";
export { pullEach } from "./pull.ts";
export type { Chunk, ChunkText, ListKeys } from "./rechunk.ts";

/** The input adapters that come with the engine, by the name that a normalised graph has. */
const adapters = {
  "pull.from_artifacts": pull,
  "pull.from_artifacts.rechunk:size": rechunk,
  "pull.gather": gather,
} as const satisfies { readonly [TName in BuiltInAdapterName]: BuiltInAdapter };

/** What the builder takes beside `from` and `metaListKey`, which carry checks of their own. */
export interface BuiltInAdapters {
  "pull.from_artifacts": PullArgs;
  "pull.from_artifacts.rechunk:size": RechunkArgs;
  "pull.gather": PullArgs;
}

/** The payload of a batch. A record, so that only the line of the chosen adapter is instantiated. */
export interface Delivered<TNodes extends NodeRecords, TParents extends readonly string[], TFrom, TListKey, TFanIn> {
  "pull.from_artifacts": Pulled<TNodes, TParents, TFrom>;
  "pull.from_artifacts.rechunk:size": Chunk<Pulled<TNodes, TParents, TFrom>, TListKey>;
  "pull.gather": Gathered<TNodes, TParents, TFrom, TFanIn>;
}

/** What a node does not take of it, in words. A list key has words of its own. */
export interface DeliveredText<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TFrom,
  TFanIn,
  TId extends string,
  TInput,
> {
  "pull.from_artifacts": PulledText<TNodes, TParents, TId, TInput>;
  "pull.from_artifacts.rechunk:size": ChunkText<TNodes, TParents, TFrom, TId, Absent, TInput>;
  "pull.gather": GatheredText<TNodes, TParents, TFrom, TFanIn, TId, TInput>;
}

/** Where no adapter is named. What it delivers is judged at each source. */
export type DefaultAdapter = "pull.from_artifacts";
export const defaultAdapter: DefaultAdapter = "pull.from_artifacts";
/** Those with a `metaListKey`. */
export type TakesListKey = "pull.from_artifacts.rechunk:size";
/** Those whose `from` may be a record. */
export type TakesAliases = "pull.gather";
/** What a graph writes where a command of another program has a `batching`. */
export const batchingAdapter: BuiltInAdapterName = "pull.from_artifacts.rechunk:size";

/** The name of an input adapter that comes with the engine. */
export type BuiltInAdapterName = keyof BuiltInAdapters;

/**
 * The input adapters that come with the engine, by the name that a normalised graph has.
 *
 * @example
 * builtInAdapters["pull.from_artifacts.rechunk:size"].args.parse({ size: 10 }) // { size: 10, eof_on_task_done: true }
 */
export const builtInAdapters = namesAndArgs(adapters);

/** Inferred, so that the declarations have these alone, and not all that an adapter is made of. */
function namesAndArgs<TTable extends Readonly<Record<string, BuiltInAdapter>>>(table: TTable) {
  return table as {
    readonly [TName in keyof TTable]: { readonly aliases: readonly string[]; readonly args: TTable[TName]["args"] };
  };
}

/** Whether an input adapter of this name comes with the engine. */
export function isBuiltInAdapter(name: string): name is BuiltInAdapterName {
  return Object.hasOwn(adapters, name);
}

/** `undefined` for an adapter of the user's own. */
export function builtInAdapter(name: string): BuiltInAdapter | undefined {
  return isBuiltInAdapter(name) ? adapters[name] : undefined;
}

const byAlias: ReadonlyMap<string, string> = new Map(
  Object.entries(adapters).flatMap(([name, { aliases }]) => aliases.map((alias) => [alias, name] as const)),
);

/**
 * The name of an adapter with aliases written out; a name that is no alias stays as it is.
 *
 * @example
 * adapterName("pull.gather") // "pull.gather"
 * adapterName("pull.artifacts") // "pull.from_artifacts"
 */
export function adapterName(name: string): string {
  return byAlias.get(name) ?? name;
}

/** Every way to write the built-in adapters: what a misspelt name is compared with. */
export const adapterSpellings: readonly string[] = [...Object.keys(adapters), ...byAlias.keys()];

/** Those that workers know which aren't FlowKit's. */
export const adaptersOnWire: readonly string[] = Object.entries<BuiltInAdapter>(adapters)
  .filter(([, { isOnWire }]) => isOnWire)
  .map(([name]) => name);
