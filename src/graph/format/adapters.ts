import * as z from "zod";
import { safeKey } from "./names.ts";

const nodeIds = z.array(z.string()).min(1);
const milliseconds = z.int().min(1);

/** Arguments of every adapter, those of your own included. The engine takes them; a custom adapter doesn't see them. */
export const commonAdapterArgs = z.strictObject({
  /** Whose artifacts to read. Absent: all parents, in the order of `depends_on`. */
  from_nodes: nodeIds.optional(),
  /** First pause when there is nothing to read. */
  poll_ms: milliseconds.optional(),
  /** Longest pause. */
  backoff_max_ms: milliseconds.optional(),
  /** Without effect: an input ends when its sources have finished. */
  eof_on_task_done: z.boolean().default(true),
});

const pullArgs = commonAdapterArgs;
const rechunkArgs = commonAdapterArgs.extend({
  /** Items in a batch. */
  size: z.int().min(1),
  /** The key of the list to cut. Absent: each artifact is one item. */
  meta_list_key: z.string().min(1).optional(),
});
const gatherArgs = commonAdapterArgs
  .extend({
    /** Whose artifacts to read, each under a name of its own instead of its node id. */
    from: z
      .record(safeKey, z.string())
      .refine((sources) => Object.keys(sources).length > 0, { error: "must not be empty" })
      .optional(),
  })
  .refine((args) => args.from === undefined || args.from_nodes === undefined, {
    path: ["from"],
    error: "cannot be combined with from_nodes",
  });

/**
 * The input adapters that come with the engine, by the name that a normalised graph has.
 *
 * @example
 * builtInAdapters["pull.from_artifacts.rechunk:size"].args.parse({ size: 10 }) // { size: 10, eof_on_task_done: true }
 */
export const builtInAdapters = {
  /** One batch for each upstream artifact. */
  "pull.from_artifacts": { aliases: ["pull.artifacts", "pull.from.upstream"], args: pullArgs },
  /** A list in each upstream artifact, cut into batches of `size`. */
  "pull.from_artifacts.rechunk:size": {
    aliases: ["pull.from_artifacts.rechunk", "pull.rechunk"],
    args: rechunkArgs,
  },
  /** One batch with the artifacts of every source, when all of them are complete. */
  "pull.gather": { aliases: [], args: gatherArgs },
} as const;

export type BuiltInAdapterName = keyof typeof builtInAdapters;

export function isBuiltInAdapter(name: string): name is BuiltInAdapterName {
  return Object.hasOwn(builtInAdapters, name);
}

const byAlias: ReadonlyMap<string, string> = new Map(
  Object.entries(builtInAdapters).flatMap(([name, { aliases }]) => aliases.map((alias) => [alias, name] as const)),
);

/**
 * The name of an adapter with aliases written out; a name that is no alias stays as it is.
 *
 * @example
 * adapterName("pull.rechunk") // "pull.from_artifacts.rechunk:size"
 */
export function adapterName(name: string): string {
  return byAlias.get(name) ?? name;
}

/** Every way to write the built-in adapters: what a misspelt name is compared with. */
export const adapterSpellings: readonly string[] = [...Object.keys(builtInAdapters), ...byAlias.keys()];
