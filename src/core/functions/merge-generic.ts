import * as z from "zod";
import type { CoordinatorFunctionContext, CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import { badFnArgs } from "./bad-fn-args.ts";
import { builtIn } from "./built-in.ts";
import { mergeConcatenating } from "./deep-merge.ts";
import { type OwnedJson, ownCopy } from "./owned-json.ts";

/**
 * `merge.generic`: one artifact `{ [target.key]: merged }` of everything that `from_nodes` stored.
 *
 * The metas are merged one after another: node by node as `from_nodes` lists them, within a node by shard, then by seq.
 * At each place, the top included:
 * - a list and a list: one list, the later items behind the earlier ones, none dropped or merged with another;
 * - an object and an object: their keys together, each merged by these rules;
 * - anything else, also values of two kinds: the later one stands.
 *
 * One meta alone is merged as it is. No meta at all (every source ended without a batch) makes `null`. Metrics aren't
 * merged: see `metrics.aggregate`.
 *
 * `[{ rows: [1], day: "Mon" }, { rows: [2], day: "Tue" }]` under the key `all` makes
 * `{ all: { rows: [1, 2], day: "Tue" } }`.
 *
 * `target.key` is one plain key, dots and all. `target.node_id`, where given, must be the node's own id: a node stores
 * artifacts under its own name only.
 */
export const mergeGeneric: CoordinatorFunctionDefinition = builtIn({
  name: "merge.generic",
  output: z.record(z.string(), z.json()),
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

async function mergeMetas(ctx: CoordinatorFunctionContext, nodeIds: readonly string[]): Promise<OwnedJson> {
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
