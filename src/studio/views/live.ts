import { isClosed, logOf, type ShardRecord, sourceKey } from "../../core/model/records.ts";
import type { NodeView, TaskExplanation, TaskView } from "../../core/tasks/api.ts";
import { furthestOf } from "../../core/worker/input/stream-input.ts";
import type { Json } from "../../errors/index.ts";
import { flowType, type Graph } from "../../graph/index.ts";
import type { EdgeLive, NodeLive, TaskAction, TaskLive } from "../api.ts";
import type { Reading } from "../reading.ts";
import { readsEach } from "./graph-view.ts";
import { waitingIn } from "./task-list.ts";

/** A longer result is not sent. */
const longestResult = 16_384;
/** A node with many shards may have as many reasons. */
const mostReasons = 5;

/**
 * Everything of a task that changes. Reads several records without a snapshot: for people, not for decisions.
 *
 * @throws FlowError `TASK_UNKNOWN`
 */
export async function readLive({ client, store }: Reading, graph: Graph, taskId: string): Promise<TaskLive> {
  const handle = client.task(taskId);
  // The task first: if it has ended, the records read afterwards are final.
  const view = await handle.status();
  const [shards, explanation] = await Promise.all([store.readShards(taskId), handle.explain()]);
  const byNode = Map.groupBy(shards, ({ nodeId }) => nodeId);
  const edges = await readEdges({ store, graph, byNode, view });
  const nodes = view.nodes.map((node) =>
    liveNode(node, { explanation, shards: byNode.get(node.nodeId) ?? [], edges, now: Date.now() }),
  );
  const bottleneck = bottleneckOf(nodes);
  const waiting = view.status === "deferred" ? waitingIn(explanation.nodes) : undefined;
  const { status, endedAt, failure, laterFailures, cancelReason, vars } = view;
  return {
    at: Date.now(),
    state: status,
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(failure === undefined ? {} : { failure }),
    ...(laterFailures === undefined ? {} : { laterFailures }),
    ...(cancelReason === undefined ? {} : { cancelReason }),
    ...(waiting === undefined ? {} : { waiting }),
    vars,
    nodes,
    edges,
    ...(bottleneck === undefined ? {} : { bottleneck }),
    actions: actionsOn(view),
  };
}

function actionsOn({ status, parent }: TaskView): readonly TaskAction[] {
  if (status === "finished") return [];
  if (status === "failed" || status === "cancelled") return parent === undefined ? ["retry"] : [];
  if (status === "cancelling") return ["cancel"];
  // A child task is paused with its parent.
  if (parent !== undefined) return ["cancel"];
  return ["cancel", status === "paused" ? "resume" : "pause"];
}

function liveNode(
  node: NodeView,
  around: {
    readonly explanation: TaskExplanation;
    readonly shards: readonly ShardRecord[];
    readonly edges: readonly EdgeLive[];
    readonly now: number;
  },
): NodeLive {
  const { nodeId, startedAt, endedAt, batches, failedBatches, waitingBatches, carriedBatches = 0, result } = node;
  const { explanation, shards, edges, now } = around;
  const reasons = new Set(explanation.nodes.flatMap((each) => (each.nodeId === nodeId ? each.text : [])));
  const incoming = edges.filter(({ to }) => to === nodeId);
  const isOpen = openStates.has(node.status);
  const backlogs = incoming.map(({ backlog }) => backlog);
  const isKnown = isOpen && incoming.length > 0 && !backlogs.includes(undefined);
  const pending = backlogs.reduce<number>((sum, each) => sum + (each ?? 0), 0);
  const took = startedAt === undefined ? 0 : Math.max(1, (endedAt ?? now) - startedAt);
  return {
    nodeId,
    state: node.status,
    explain: [...reasons].slice(0, mostReasons),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    attempts: shards.reduce((sum, shard) => sum + attemptsOf(shard), 0),
    failures: node.failures,
    batches: {
      done: batches,
      failed: failedBatches,
      retrying: waitingBatches,
      carried: carriedBatches,
      ...(isKnown ? { pending } : {}),
    },
    ...(startedAt === undefined || isTooFew(batches, took)
      ? {}
      : { rate: Math.max(0, batches - carriedBatches) / (took / 1_000) }),
    ...(node.progress === undefined ? {} : { progress: node.progress }),
    ...(node.failure === undefined ? {} : { failure: node.failure }),
    ...(node.lostWorkers === undefined ? {} : { lostWorkers: node.lostWorkers }),
    ...(node.awaitsSignal === undefined ? {} : { awaitsSignal: node.awaitsSignal }),
    metrics: node.metrics as Readonly<Record<string, number>>,
    ...(result === undefined || isTooLong(result) ? {} : { result }),
  };
}

const openStates: ReadonlySet<NodeView["status"]> = new Set(["queued", "running", "deferred", "paused"]);

/** A few batches within a second do not make a rate. */
const isTooFew = (batches: number, ms: number): boolean => ms < 1_000 && batches < 10;

const isTooLong = (value: Json): boolean => JSON.stringify(value).length > longestResult;

/** Each epoch is claimed at most once, and starts when its attempt is queued, not when it is claimed. */
function attemptsOf({ epoch, history }: ShardRecord): number {
  const claims = history.filter(({ cause, to }) => cause === "claim" || (cause === "dispatch" && to === "running"));
  return history[0]?.n === 0 ? claims.length : epoch;
}

function bottleneckOf(nodes: readonly NodeLive[]): string | undefined {
  let longest: NodeLive | undefined;
  for (const node of nodes) {
    const { pending = 0 } = node.batches;
    if (node.state === "running" && pending > (longest?.batches.pending ?? 0)) longest = node;
  }
  return longest?.nodeId;
}

async function readEdges({
  store,
  graph,
  byNode,
  view,
}: Pick<Reading, "store"> & {
  readonly graph: Graph;
  readonly byNode: ReadonlyMap<string, readonly ShardRecord[]>;
  readonly view: TaskView;
}): Promise<readonly EdgeLive[]> {
  const stored = new Map(view.nodes.map(({ nodeId, batches, failedBatches }) => [nodeId, batches + failedBatches]));
  const edges: EdgeLive[] = [];
  for (const node of graph.nodes) {
    if (node.depends_on.length === 0) continue;
    const shards = byNode.get(node.node_id) ?? [];
    const hasEnded = shards.length === (node.partitions ?? 1) && shards.every(isClosed);
    const isKnown = readsEach(node) && node.type !== flowType;
    const places = hasEnded || !isKnown ? [] : await Promise.all(shards.map((shard) => placesOf(store, shard)));
    for (const from of node.depends_on) {
      const count = stored.get(from) ?? 0;
      const read = hasEnded
        ? count
        : isKnown
          ? Math.min(count, readFrom(from, byNode.get(from) ?? [], places))
          : undefined;
      edges.push({
        from,
        to: node.node_id,
        stored: count,
        ...(read === undefined ? {} : { read, backlog: count - read }),
      });
    }
  }
  return edges;
}

/** By source shard: how many of its artifacts a shard has processed, according to its own log. */
async function placesOf(store: Reading["store"], shard: ShardRecord): Promise<ReadonlyMap<string, number>> {
  const { origins } = await store.tail(logOf(shard), shard.generation);
  return new Map(
    origins.map((origin) => {
      const open = new Set((origin.open ?? []).map(([seq]) => seq));
      return [origin.source, Math.max(0, furthestOf(origin)[0] + 1 - open.size)];
    }),
  );
}

/**
 * Each partition skips the batches of the others, so its place refers to the whole log. The node counts as having read
 * as far as its partitions have on average.
 */
function readFrom(
  from: string,
  sources: readonly ShardRecord[],
  places: readonly ReadonlyMap<string, number>[],
): number {
  let sum = 0;
  for (const { shard } of sources) for (const place of places) sum += place.get(sourceKey(from, shard)) ?? 0;
  return places.length === 0 ? 0 : Math.round(sum / places.length);
}
