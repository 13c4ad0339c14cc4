import type { HandlerDefinition, InputAdapterDefinition } from "../../definitions/index.ts";
import { FlowError, isInstance, type Json } from "../../errors/index.ts";
import { ownJson } from "../codec/index.ts";
import { AttemptError } from "../model/attempt-error.ts";
import {
  type Artifact,
  type BatchFailure,
  type Carried,
  isOutput,
  leftOut,
  logOf,
  type ShardRecord,
  type ShardRef,
  sourceKey,
} from "../model/records.ts";
import type { NodePlan, Plan } from "../plan/index.ts";
import { chosenSources, consumerUid, FailedInputs, gather, type InputPlan, routeInput } from "../worker/input/index.ts";
import type { FailedBatch } from "./api.ts";
import { failedIn, nodeOf, noSuchTask, readTask, type TaskReaderParts } from "./task-reader.ts";

const pageSize = 256;

export interface FailedBatchParts extends TaskReaderParts {
  readonly inputAdapters: ReadonlyMap<string, InputAdapterDefinition>;
}

/** The batches of a node that were set aside, as far as they are stored. */
export async function* failedBatches(
  parts: FailedBatchParts,
  taskId: string,
  nodeId: string,
): AsyncGenerator<FailedBatch> {
  const task = await readTask(parts, taskId);
  const plan = parts.plans.get(task.graph);
  const node = nodeOf(plan, { taskId, nodeId });
  const shards = await parts.retry.run(() => parts.store.readShards(taskId, [nodeId]));
  const inputs = new FailedInputs({ store: parts.store, taskId, plan, pageSize });
  const reading = inputOf(parts, { plan, node });
  for (const shard of shards) {
    const aside = await parts.retry.run(() => failedIn(parts.store, shard));
    const length = shard.count ?? Number.POSITIVE_INFINITY;
    const log = { ...logOf(shard), generation: shard.generation, length, aside };
    for await (const artifact of setAsideIn(parts, log)) {
      const { uid, failure } = artifact;
      const input = await parts.retry.run(() => keptInput(inputs, { artifact, shard, reading }));
      yield { uid, shard: shard.shard, ...failure, ...(input === undefined ? {} : { input: ownJson(input) }) };
    }
  }
}

/** `undefined` if it cannot be read any more. */
async function keptInput(
  inputs: FailedInputs,
  of: { readonly artifact: Artifact; readonly shard: ShardRecord; readonly reading: InputPlan | undefined },
): Promise<Json | undefined> {
  try {
    return await inputs.of(of.artifact, of.shard, of.reading);
  } catch (error) {
    if (FlowError.is(error, "ARTIFACTS_DROPPED")) return undefined;
    throw error;
  }
}

/** The dependencies of {@link failingInput}, which does not follow a task. */
export type FailingInputParts = Pick<FailedBatchParts, "store" | "retry" | "plans" | "inputAdapters">;

/**
 * The payload of the batch that failed its node. The node's log has no entry for it, so it is rebuilt from the logs of
 * the node's sources.
 *
 * @returns the reason, as text, if it cannot be rebuilt
 */
export async function failingInput(
  parts: FailingInputParts,
  { taskId, nodeId, uid }: { readonly taskId: string; readonly nodeId: string; readonly uid: string },
): Promise<{ readonly input: Json } | { readonly missing: string }> {
  const { store, plans, retry } = parts;
  const task = await retry.run(() => store.readTask(taskId));
  if (task === undefined) throw noSuchTask(taskId);
  const plan = plans.get(task.graph);
  const node = nodeOf(plan, { taskId, nodeId });
  const reading = inputOf(parts, { plan, node });
  if (node.routing === undefined && node.dependsOn.length === 0) {
    return { missing: "its node made it itself, and does not store it; retrying the task makes it again" };
  }
  if (reading === undefined) return { missing: "its input adapter is not known here" };
  const records = await retry.run(() => store.readShards(taskId));
  const own = records.filter((record) => record.nodeId === nodeId);
  try {
    if (reading.kind === "gather") {
      const sources = chosenSources(node, reading.sources, own[0]?.chosen);
      const { takes } = reading;
      return { input: await retry.run(() => gather({ store, records, sources, takes, pageSize })) };
    }
    if (reading.kind !== "stream" || reading.failuresOf !== undefined) {
      return { missing: "it is made of how other nodes have ended" };
    }
    const { adapter, fromNodes, takes } = reading;
    for (const source of records.filter((record) => fromNodes.includes(record.nodeId))) {
      const key = sourceKey(source.nodeId, source.shard);
      const generation = own.find(({ sourceGens }) => key in sourceGens)?.sourceGens[key] ?? source.generation;
      for (let from = 0, isLast = false; !isLast; from += pageSize) {
        const log = { ...logOf(source), generation };
        const page = await readPage(parts, log, { from, limit: pageSize });
        isLast = page.length < pageSize;
        for (const { meta, uid: sourceUid } of page.filter(isOutput)) {
          if (takes?.(meta) === false) continue;
          const payloads = adapter.expand(meta, source.nodeId);
          const at = payloads.findIndex((_, chunk) => {
            const onlySource = fromNodes.length === 1;
            const part = adapter.whole ? undefined : chunk;
            return consumerUid({ nodeId: source.nodeId, uid: sourceUid, onlySource, chunk: part }) === uid;
          });
          if (at !== -1) return { input: ownJson(payloads[at] as Json) };
        }
      }
    }
  } catch (error) {
    if (!FlowError.is(error, "ARTIFACTS_DROPPED")) throw error;
    return { missing: "the store has dropped it" };
  }
  return {
    missing: "the logs of its node's sources have no such batch; if its uid is right, they have started over since",
  };
}

type SetAside = Artifact & { readonly failure: BatchFailure };

/** The entries of a log that stand for batches set aside. */
export async function* setAsideIn(
  parts: Pick<TaskReaderParts, "store" | "retry">,
  log: Carried,
): AsyncGenerator<SetAside> {
  const isLeftOut = leftOut(log);
  let left = log.aside ?? 0;
  for (let from = 0; left > 0 && from < log.length; from += pageSize) {
    const page = await readPage(parts, log, { from, limit: Math.min(pageSize, log.length - from) });
    await parts.retry.run(() => parts.store.settle());
    for (const artifact of page) {
      if (artifact.failure === undefined || isLeftOut(artifact)) continue;
      left--;
      yield artifact as SetAside;
    }
    if (page.length < pageSize) break;
  }
}

const readPage = (
  { store, retry }: Pick<TaskReaderParts, "store" | "retry">,
  log: ShardRef & { readonly generation: number },
  { from, limit }: { readonly from: number; readonly limit: number },
): Promise<readonly Artifact[]> => retry.run(() => store.readArtifacts(log, log.generation, from, limit));

/** How the node reads its sources; `undefined` if its adapter is not known here. */
function inputOf(
  { inputAdapters }: Pick<FailedBatchParts, "inputAdapters">,
  { plan, node }: { readonly plan: Plan; readonly node: NodePlan },
): InputPlan | undefined {
  try {
    return routeInput({ node, plan, handler: unknownHandler, customAdapters: inputAdapters });
  } catch (error) {
    if (isInstance(error, AttemptError)) return undefined;
    throw error;
  }
}

/** Graphs from the builder name every adapter. */
const unknownHandler: Pick<HandlerDefinition, "inputAdapter" | "iterBatches"> = {};
