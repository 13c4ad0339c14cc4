import type { Store } from "../../src/core/ports/index.ts";
import type { GraphNode } from "../../src/graph/index.ts";
import { allItems, type Batch, evaluate } from "./reference.ts";

/** Differences between a finished task's artifacts and the plain evaluation of its graph; empty if there are none. */
export async function misfits(store: Store, taskId: string, nodes: readonly GraphNode[]): Promise<readonly string[]> {
  const broken: string[] = [];
  const expected = evaluate(nodes);
  for (const { node_id: nodeId } of nodes) {
    const stored: Batch[] = [];
    for (const record of await store.readShards(taskId, [nodeId])) {
      const log = await store.readArtifacts(record, record.generation, 0, 10_000);
      if (log.length !== record.count) broken.push(`${nodeId}: ${log.length} artifacts, count ${record.count}`);
      stored.push(...log.map(({ meta }) => meta as unknown as Batch));
    }
    const wanted = expected.get(nodeId) ?? [];
    if (stored.length !== wanted.length) broken.push(`${nodeId}: ${stored.length} batches, not ${wanted.length}`);
    if (allItems(stored) !== allItems(wanted)) broken.push(`${nodeId}: ${allItems(stored)}, not ${allItems(wanted)}`);
  }
  return broken;
}
