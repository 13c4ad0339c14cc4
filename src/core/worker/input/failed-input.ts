import { FlowError, type Json } from "../../../errors/index.ts";
import { type Artifact, type BatchFailure, isOutput, logOf, type ShardRecord, sourceKey } from "../../model/records.ts";
import type { Plan } from "../../plan/index.ts";
import type { WorkerStore } from "../../ports/index.ts";
import { chosenSources, gather } from "./gather-input.ts";
import type { InputPlan } from "./routing.ts";
import type { Pulled, StreamInput } from "./stream-input.ts";

export interface FailedInputParts {
  readonly store: Pick<WorkerStore, "readArtifacts" | "readShards">;
  readonly taskId: string;
  readonly plan: Plan;
  readonly pageSize: number;
}

/**
 * The payloads of failed batches. Unless the node produced them itself, its log has only their origin in the log of
 * another node, from which the node's input adapter rebuilds them.
 */
export class FailedInputs {
  readonly #parts: FailedInputParts;
  #shards: ReadonlyMap<string, ShardRecord> | undefined;

  constructor(parts: FailedInputParts) {
    this.#parts = parts;
  }

  /** A shard's record, if it is in this generation. */
  async shard(key: string, generation: number): Promise<ShardRecord | undefined> {
    this.#shards ??= new Map(
      (await this.#parts.store.readShards(this.#parts.taskId)).map((each) => [
        sourceKey(each.nodeId, each.shard),
        each,
      ]),
    );
    const record = this.#shards.get(key);
    return record?.generation === generation ? record : undefined;
  }

  /** Makes the next use read the records again. */
  forget(): void {
    this.#shards = undefined;
  }

  /**
   * `undefined` if it cannot be read: it is not visible here yet, or a source of the node starts over, and so will the
   * node.
   *
   * @param record - of the failed batch's shard, in the generation of the batch
   * @param input - how its node reads its sources; `undefined` if that is not known here
   * @throws FlowError `ARTIFACTS_DROPPED`
   */
  async of({ origin, meta }: Artifact, record: ShardRecord, input: InputPlan | undefined): Promise<Json | undefined> {
    if (origin.source === "") return meta;
    if (input?.kind === "gather") return this.#gathered(record, input);
    if (input?.kind !== "stream") return undefined;
    const generation = record.sourceGens[origin.source] ?? 0;
    const from = await this.#artifact(origin, generation);
    if (from === undefined) return undefined;
    const nodeId = origin.source.slice(0, origin.source.lastIndexOf("/"));
    const reading = input.failuresOf?.get(nodeId);
    if (reading === undefined) return (input.adapter.expand(from.meta, nodeId)[origin.chunk] ?? null) as Json;
    const source = await this.shard(origin.source, generation);
    return source && this.payloadOf(from, source, reading);
  }

  /** A failed batch as `pull.failures` delivers it; `undefined` likewise. */
  async payloadOf(artifact: Artifact, record: ShardRecord, input: InputPlan): Promise<Json | undefined> {
    const of = await this.of(artifact, record, input);
    if (of === undefined) return undefined;
    const { reasonCode, message, tries } = artifact.failure as BatchFailure;
    return { uid: artifact.uid, reasonCode, message, tries, input: of };
  }

  async #artifact(at: { readonly source: string; readonly seq: number }, generation: number) {
    const { store } = this.#parts;
    await this.shard(at.source, generation);
    const record = this.#shards?.get(at.source);
    if (record === undefined) return undefined;
    const [stored] = await store.readArtifacts(logOf(record), generation, at.seq, 1);
    // In a retry of a task, the node may be copied before its source is.
    const { carried } = record;
    const isCarried = carried?.without === undefined && carried?.generation === generation && at.seq < carried.length;
    if (stored !== undefined || !isCarried) return stored;
    try {
      return (await store.readArtifacts(carried, generation, at.seq, 1))[0];
    } catch (error) {
      if (FlowError.is(error, "ARTIFACTS_DROPPED")) return undefined; // the source will start over
      throw error;
    }
  }

  async #gathered(record: ShardRecord, input: InputPlan & { readonly kind: "gather" }): Promise<Json | undefined> {
    const { store, taskId, plan, pageSize } = this.#parts;
    const node = plan.byId.get(record.nodeId);
    if (node === undefined) return undefined;
    const sources = chosenSources(node, input.sources, record.chosen);
    const nodeIds = [...new Set(sources.map(({ nodeId }) => nodeId))];
    return gather({ store, records: await store.readShards(taskId, nodeIds), sources, takes: input.takes, pageSize });
  }
}

/** Reads what the sources have set aside: the payload of an artifact that stands for a failed batch is that batch. */
export class FailureInput {
  readonly #stream: StreamInput;
  readonly #inputs: FailedInputs;
  readonly #failuresOf: ReadonlyMap<string, InputPlan>;
  /** The rest of the page that was read last. */
  #page: (Pulled & { readonly kind: "page" }) | undefined;

  constructor(
    stream: StreamInput,
    options: FailedInputParts & {
      /** By source: how it reads its own sources. */
      readonly failuresOf: ReadonlyMap<string, InputPlan>;
    },
  ) {
    this.#stream = stream;
    this.#inputs = new FailedInputs(options);
    this.#failuresOf = options.failuresOf;
  }

  /** The next artifacts up to a failed batch, which is the last of them. */
  async pull(): Promise<Pulled> {
    if (this.#page === undefined) {
      const pulled = await this.#stream.pull();
      if (pulled.kind !== "page") return pulled;
      this.#page = pulled;
    }
    const page = this.#page;
    const { artifacts } = page;
    const at = artifacts.findIndex((artifact) => !isOutput(artifact));
    const failed = artifacts[at];
    if (failed === undefined) {
      this.#page = undefined;
      return page;
    }
    const payload = await this.#payloadOf(failed, page);
    if (payload === undefined) {
      // Reports no running source, so that this attempt releases its slot, which the source may need to start over.
      return (await this.#stream.look()) ?? { kind: "nothing", sourceRunning: false };
    }
    const rest = artifacts.slice(at + 1);
    const isAll = page.isAll && artifacts.length === 1;
    this.#page = rest.length === 0 ? undefined : { ...page, artifacts: rest, skipChunks: 0, isAll };
    return { ...page, artifacts: [...artifacts.slice(0, at), { ...failed, meta: payload }], isAll };
  }

  async #payloadOf(failed: Artifact, { source }: Pulled & { readonly kind: "page" }): Promise<Json | undefined> {
    const input = this.#failuresOf.get(source.nodeId);
    const record = await this.#inputs.shard(sourceKey(source.nodeId, source.shard), source.generation);
    const payload = input && record && (await this.#inputs.payloadOf(failed, record, input));
    if (payload === undefined) this.#inputs.forget();
    return payload;
  }
}
