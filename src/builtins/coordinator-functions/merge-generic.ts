import * as z from "zod";
import { namePattern, safeKey } from "../../graph/format/names.ts";
import type { NodeRecords, OutputOf } from "../node-records.ts";
import { mergeConcatenating } from "./deep-merge.ts";
import { badFnArgs, builtIn, type FunctionContext } from "./function.ts";
import { type OwnedJson, ownCopy } from "./owned-json.ts";

const nodeId = z.string().regex(namePattern, { error: "must be a node id" });

/**
 * `merge.generic`: one artifact `{ [target.key]: merged }` of everything that `from_nodes` stored.
 *
 * The metas are merged one after another: node by node in the order of `from_nodes`, within a node by shard, then by
 * seq. At each position, including the top:
 * - two lists: one list, the later items after the earlier ones, none dropped or merged;
 * - two objects: all keys of both, each merged by these rules;
 * - anything else, including values of different kinds: the later one wins.
 *
 * A single meta is returned unchanged. Without any meta (every source ended without a batch), the result is `null`.
 * Metrics are not merged: see `metrics.aggregate`.
 *
 * `[{ rows: [1], day: "Mon" }, { rows: [2], day: "Tue" }]` under the key `all` gives
 * `{ all: { rows: [1, 2], day: "Tue" } }`.
 *
 * `target.key` is one plain key, even with dots. `target.node_id`, if given, must be the node's own id: a node stores
 * artifacts under its own name only.
 */
export const mergeGeneric = builtIn({
  args: z.strictObject({
    from_nodes: z.array(nodeId).min(1),
    target: z.strictObject({ key: safeKey, node_id: nodeId.optional() }),
  }),
  output: z.record(z.string(), z.json()),
  reads: { arg: "from_nodes", isList: true },
  ownId: { arg: "target", key: "node_id" },
  async run(ctx) {
    const { from_nodes, target } = ctx.args;
    if (target.node_id !== undefined && target.node_id !== ctx.nodeId) {
      throw badFnArgs(
        `target.node_id is '${target.node_id}', but node '${ctx.nodeId}' stores the merged result under its own id: ` +
          `remove node_id and read the result from '${ctx.nodeId}'`,
      );
    }
    const twice = from_nodes.find((id, index) => from_nodes.indexOf(id) !== index);
    if (twice !== undefined) throw badFnArgs(`from_nodes names '${twice}' twice`);
    return { [target.key]: await mergeMetas(ctx, from_nodes) };
  },
});

async function mergeMetas(ctx: FunctionContext, nodeIds: readonly string[]): Promise<OwnedJson> {
  let merged: OwnedJson | undefined;
  for (const nodeId of nodeIds) {
    for await (const { meta } of ctx.artifacts(nodeId)) {
      ctx.signal.throwIfAborted();
      const later = ownCopy(meta);
      merged = merged === undefined ? later : mergeConcatenating(merged, later);
    }
  }
  return merged ?? null;
}

export interface MergeGenericTypes<TNode extends string, TOwnId extends string, TNodes extends NodeRecords, TArgs> {
  readonly open: {};
  readonly written: {
    readonly fromNodes: readonly TNode[];
    readonly target: {
      readonly key: string;
      /** The node's own id, if given. */
      readonly nodeId?: TOwnId;
    };
  };
  readonly output: TArgs extends {
    fromNodes: readonly (infer TSource)[];
    target: { key: infer TKey extends string };
  }
    ? { [TTarget in TKey]: Merged<OutputOf<TNodes, TSource>> }
    : never;
}

/** The path of the argument that is its own node's id. */
export type OwnIdPath = "args.target.nodeId";

type KeysOf<TUnion> = TUnion extends unknown ? keyof TUnion : never;

// The merge of one value of each union member: a key may have the value of any member that has it.
type Merged<TUnion> = {
  [TKey in KeysOf<TUnion>]: TUnion extends { [TIn in TKey]: infer TValue } ? TValue : never;
};
