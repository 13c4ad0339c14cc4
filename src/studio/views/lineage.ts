import { type Artifact, logOf, type ShardRecord, sourceKey } from "../../core/model/records.ts";
import { FlowError } from "../../errors/index.ts";
import type { Graph } from "../../graph/index.ts";
import type { BatchRef, Lineage, LineageStep } from "../api.ts";
import type { Reading } from "../reading.ts";
import { originOf } from "./artifacts.ts";

/** A log is searched around the place of the batch, since most batches are stored near the place of their source. */
const searched = 2_000;
const pageSize = 500;
/** One artifact may have been split into many. */
const mostSteps = 500;

/**
 * The ancestors and descendants of a batch, from the origins in the logs. A gathered batch was made of all artifacts of
 * its sources, which are not listed.
 *
 * @throws FlowError `BATCH_UNKNOWN`
 */
export async function lineageOf(
  { store }: Pick<Reading, "store">,
  { taskId, graph }: { readonly taskId: string; readonly graph: Graph },
  batch: Pick<BatchRef, "nodeId" | "shard" | "seq">,
): Promise<Lineage> {
  const shards = new Map((await store.readShards(taskId)).map((each) => [sourceKey(each.nodeId, each.shard), each]));
  const logs: Logs = { store, shards };
  const artifact = await artifactAt(logs, batch);
  if (artifact === undefined) {
    const place = `${batch.nodeId}/${batch.shard}, ${batch.seq}`;
    throw new FlowError("BATCH_UNKNOWN", `task ${taskId} has no batch at ${place}`, { details: { taskId, ...batch } });
  }
  const above = await upFrom(logs, batch, artifact);
  const below = await downFrom(logs, graph, batch);
  return {
    batch: { ...batch, uid: artifact.uid },
    up: above.steps,
    down: below.steps,
    incomplete: above.incomplete || below.incomplete,
  };
}

interface Logs extends Pick<Reading, "store"> {
  readonly shards: ReadonlyMap<string, ShardRecord>;
}

interface Steps {
  readonly steps: readonly LineageStep[];
  readonly incomplete: boolean;
}

type Place = Pick<BatchRef, "nodeId" | "shard" | "seq">;

const placeOf = ({ nodeId, shard, seq }: Place): Place => ({ nodeId, shard, seq });

/** `undefined` if there is none, or the store has dropped it. */
async function artifactAt({ store, shards }: Logs, { nodeId, shard, seq }: Place): Promise<Artifact | undefined> {
  const record = shards.get(sourceKey(nodeId, shard));
  if (record === undefined) return undefined;
  return (await readKept(store, record, { from: seq, limit: 1 }))[0];
}

async function readKept(
  store: Reading["store"],
  record: ShardRecord,
  { from, limit }: { readonly from: number; readonly limit: number },
): Promise<readonly Artifact[]> {
  try {
    return await store.readArtifacts(logOf(record), record.generation, from, limit);
  } catch (error) {
    if (FlowError.is(error, "ARTIFACTS_DROPPED")) return [];
    throw error;
  }
}

async function upFrom(logs: Logs, batch: Place, artifact: Artifact): Promise<Steps> {
  const steps: LineageStep[] = [];
  let [via, current] = [placeOf(batch), artifact];
  for (let origin = originOf(current); origin !== undefined; origin = originOf(current)) {
    const source = await artifactAt(logs, origin);
    if (source === undefined) return { steps, incomplete: true };
    steps.push({ ...origin, uid: source.uid, via, failed: source.failure !== undefined });
    [via, current] = [placeOf(origin), source];
  }
  return { steps, incomplete: false };
}

async function downFrom(logs: Logs, graph: Graph, batch: Place): Promise<Steps> {
  const steps: LineageStep[] = [];
  const byNode = new Map<string, Place[]>([[batch.nodeId, [placeOf(batch)]]]);
  let incomplete = false;
  // A graph lists its nodes in any order; parents must be visited first.
  for (const nodeId of parentsFirst(graph)) {
    for (const record of [...logs.shards.values()].filter((each) => each.nodeId === nodeId)) {
      const found = await madeIn(logs, record, byNode);
      incomplete ||= found.incomplete;
      for (const step of found.steps) {
        if (steps.length === mostSteps) return { steps, incomplete: true };
        steps.push(step);
        const places = byNode.get(nodeId) ?? [];
        places.push(placeOf(step));
        byNode.set(nodeId, places);
      }
    }
  }
  return { steps, incomplete };
}

function parentsFirst({ nodes }: Graph): readonly string[] {
  const parents = new Map(nodes.map((node) => [node.node_id, node.depends_on]));
  const order = new Set<string>();
  const visit = (id: string): void => {
    if (order.has(id)) return;
    for (const parent of parents.get(id) ?? []) visit(parent);
    order.add(id);
  };
  for (const id of parents.keys()) visit(id);
  return [...order];
}

/** The entries of a log that were made from one of these batches. */
async function madeIn(
  { store }: Logs,
  record: ShardRecord,
  from: ReadonlyMap<string, readonly Place[]>,
): Promise<Steps> {
  const wanted = new Map(
    [...from.values()].flat().map((place) => [`${sourceKey(place.nodeId, place.shard)}:${place.seq}`, place]),
  );
  const { origins, length } = await store.tail(logOf(record), record.generation);
  const sources = new Set([...wanted.values()].map(({ nodeId, shard }) => sourceKey(nodeId, shard)));
  if (!origins.some(({ source }) => sources.has(source))) return { steps: [], incomplete: false };
  const seqs = [...wanted.values()].map(({ seq }) => seq);
  const start = Math.max(0, Math.min(Math.min(...seqs) - searched / 2, length - searched));
  const end = Math.min(length, start + searched);
  const steps: LineageStep[] = [];
  for (let at = start; at < end; ) {
    const page = await readKept(store, record, { from: at, limit: Math.min(pageSize, end - at) });
    if (page.length === 0) return { steps, incomplete: true };
    for (const { seq, uid, origin, failure } of page) {
      const via = wanted.get(`${origin.source}:${origin.seq}`);
      if (via === undefined) continue;
      steps.push({ nodeId: record.nodeId, shard: record.shard, seq, uid, via, failed: failure !== undefined });
    }
    at += page.length;
  }
  return { steps, incomplete: start > 0 || end < length };
}
