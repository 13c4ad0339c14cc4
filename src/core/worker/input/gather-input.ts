import type { Json, JsonObject } from "../../../errors/index.ts";
import { type Artifact, isFeeding, logOf, type ShardRecord } from "../../model/records.ts";
import { endOf, isNodeClosed, type NodeEnd, type NodePlan, type Plan } from "../../plan/index.ts";
import { artifactsDropped, type WorkerStore } from "../../ports/index.ts";
import { inInputOrder } from "./input-order.ts";

type LogReader = Pick<WorkerStore, "readArtifacts">;

/** Which artifacts an input takes. The others count as read, so that positions do not depend on the choice. */
export interface Choice {
  /** Absent: all. */
  readonly takes?: (meta: Json) => boolean;
}

/** A source of a gather, and the name of its outputs in the payload. */
export interface GatherSource {
  readonly alias: string;
  readonly nodeId: string;
}

/**
 * The sources that a gather delivers. Under `any` and `count:N`, only the parents that satisfied the start condition:
 * that choice is stored with the node, so that a retry delivers the same.
 */
export function chosenSources(
  node: NodePlan,
  sources: readonly GatherSource[],
  chosen: readonly string[] | undefined,
): readonly GatherSource[] {
  if (chosen === undefined) return sources;
  const satisfied = new Set(chosen);
  const parents = new Set(node.dependsOn);
  return sources.filter(({ nodeId }) => satisfied.has(nodeId) || !parents.has(nodeId));
}

export type SourcesState =
  | { readonly complete: true; readonly records: readonly ShardRecord[] }
  | { readonly complete: false; readonly sourceRunning: boolean };

/** Whether all of these nodes have ended with a closed log; if not, whether one of the others is running. */
export async function readSources(options: {
  readonly store: WorkerStore;
  readonly plan: Plan;
  readonly taskId: string;
  readonly nodeIds: readonly string[];
}): Promise<SourcesState> {
  const records = await options.store.readShards(options.taskId, options.nodeIds);
  const byNode = Map.groupBy(records, (record) => record.nodeId);
  let complete = true;
  let sourceRunning = false;
  for (const nodeId of options.nodeIds) {
    const node = options.plan.byId.get(nodeId);
    const shards = byNode.get(nodeId) ?? [];
    if (node === undefined || isNodeClosed(node, shards)) continue;
    complete = false;
    sourceRunning ||= shards.some(isFeeding);
  }
  return complete ? { complete, records } : { complete, sourceRunning };
}

/** How a node has ended, as `pull.outcomes` delivers it. A type alias, because an interface is not assignable to JSON. */
export type NodeOutcome = { readonly nodeId: string; readonly status: string } & JsonObject;

/** How these nodes have ended; if some have not, whether one of those is running. */
export async function readOutcomes(
  options: Parameters<typeof readSources>[0],
): Promise<
  | { readonly complete: true; readonly outcomes: readonly NodeOutcome[] }
  | { readonly complete: false; readonly sourceRunning: boolean }
> {
  const { plan, nodeIds } = options;
  const byNode = Map.groupBy(await options.store.readShards(options.taskId, nodeIds), ({ nodeId }) => nodeId);
  const outcomes: NodeOutcome[] = [];
  let sourceRunning = false;
  for (const nodeId of nodeIds) {
    const shards = byNode.get(nodeId) ?? [];
    const end = endOf(plan.byId.get(nodeId) as NodePlan, shards); // `checkSources` has verified it
    if (end !== undefined) outcomes.push(outcomeOf(nodeId, end));
    else sourceRunning ||= shards.some(({ status }) => status === "running" || status === "cancelling");
  }
  return outcomes.length === nodeIds.length ? { complete: true, outcomes } : { complete: false, sourceRunning };
}

function outcomeOf(nodeId: string, end: NodeEnd): NodeOutcome {
  if (end.status !== "failed") return { nodeId, status: end.status };
  const { reasonCode = "unexpected_error", message = "", batchUid = null } = end.failure ?? {};
  return { nodeId, status: "failed", reasonCode, message, batchUid };
}

/** All artifacts of a closed shard in the order of the input, page by page. */
export function readLog(store: LogReader, record: ShardRecord, pageSize: number): AsyncGenerator<Artifact> {
  return inInputOrder({
    length: record.count ?? 0,
    pageSize,
    async read(from, limit) {
      const page = await store.readArtifacts(logOf(record), record.generation, from, limit);
      if (page.length === 0) throw artifactsDropped(record);
      return page;
    },
  });
}

/** The payload: by alias, the outputs of each source in order. */
export async function gather(options: {
  readonly store: LogReader;
  readonly records: readonly ShardRecord[];
  readonly sources: readonly GatherSource[];
  readonly takes: Choice["takes"];
  readonly pageSize: number;
}): Promise<Record<string, Json[]>> {
  const byNode = Map.groupBy(options.records, (record) => record.nodeId);
  const payload: Record<string, Json[]> = {};
  for (const { alias, nodeId } of options.sources) {
    const outputs: Json[] = [];
    for (const record of byNode.get(nodeId) ?? []) {
      for await (const { meta } of readLog(options.store, record, options.pageSize)) {
        if (options.takes?.(meta) !== false) outputs.push(meta);
      }
    }
    payload[alias] = outputs;
  }
  return payload;
}
