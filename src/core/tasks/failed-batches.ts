import type { HandlerDefinition, InputAdapterDefinition } from "../../definitions/index.ts";
import { FlowError, isInstance, type Json } from "../../errors/index.ts";
import { ownJson } from "../codec/index.ts";
import { AttemptError } from "../model/attempt-error.ts";
import {
  type Artifact,
  type BatchFailure,
  type Carried,
  leftOut,
  logOf,
  type ShardRecord,
  type ShardRef,
} from "../model/records.ts";
import type { NodePlan, Plan } from "../plan/index.ts";
import { type InputPlan, routeInput } from "../worker/input/index.ts";
import type { FailedBatch } from "./api.ts";
import { failedIn, nodeOf, readTask, type TaskReaderParts } from "./task-reader.ts";

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
  const shards = await parts.retry.run(() => parts.store.readShards(taskId));
  const inputs = new FailedInputs(parts, { plan, node, shards });
  for (const shard of shards.filter((each) => each.nodeId === nodeId)) {
    const aside = await parts.retry.run(() => failedIn(parts.store, shard));
    const length = shard.count ?? Number.POSITIVE_INFINITY;
    const log = { ...logOf(shard), generation: shard.generation, length, aside };
    for await (const artifact of setAsideIn(parts, log)) {
      const { uid, failure } = artifact;
      const input = await inputs.of(artifact, shard);
      yield { uid, shard: shard.shard, ...failure, ...(input === undefined ? {} : { input: ownJson(input) }) };
    }
  }
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

/** What failed batches consisted of: their payloads are at their origins. */
class FailedInputs {
  readonly #parts: FailedBatchParts;
  readonly #shards: ReadonlyMap<string, ShardRecord>;
  readonly #input: InputPlan | undefined;

  constructor(
    parts: FailedBatchParts,
    task: { readonly plan: Plan; readonly node: NodePlan; readonly shards: readonly ShardRecord[] },
  ) {
    this.#parts = parts;
    this.#shards = new Map(task.shards.map((shard) => [`${shard.nodeId}/${shard.shard}`, shard]));
    this.#input = inputOf(parts, task);
  }

  /** `undefined` if it cannot be read any more, or is not stored as such. */
  async of({ origin, meta }: Artifact, consumer: ShardRecord): Promise<Json | undefined> {
    if (origin.source === "") return meta;
    const source = this.#shards.get(origin.source);
    if (source === undefined || this.#input?.kind !== "stream") return undefined;
    const log = { ...logOf(source), generation: consumer.sourceGens[origin.source] ?? 0 };
    try {
      const [from] = await readPage(this.#parts, log, { from: origin.seq, limit: 1 });
      return from && (this.#input.adapter.expand(from.meta, source.nodeId)[origin.chunk] as Json | undefined);
    } catch (error) {
      if (FlowError.is(error, "ARTIFACTS_DROPPED")) return undefined;
      throw error;
    }
  }
}

/** How the node reads its sources; `undefined` if its adapter is not known here. */
function inputOf(
  { inputAdapters }: FailedBatchParts,
  { plan, node }: { readonly plan: Plan; readonly node: NodePlan },
): InputPlan | undefined {
  try {
    return routeInput({ node, plan, handler: unknownHandler, customAdapters: inputAdapters });
  } catch (error) {
    if (isInstance(error, AttemptError)) return undefined;
    throw error;
  }
}

/** Graphs of the builder name every adapter. */
const unknownHandler: Pick<HandlerDefinition, "inputAdapter" | "iterBatches"> = {};
