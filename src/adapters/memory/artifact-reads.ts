import type { Artifact, ShardRef } from "../../core/model/records.ts";
import type { Store, Tail } from "../../core/ports/index.ts";
import { artifactsDropped } from "../../core/worker/input/index.ts";
import type { ArtifactLog } from "./artifact-log.ts";
import type { StoreContext } from "./store-context.ts";

const nothing: readonly Artifact[] = Object.freeze([]);
const emptyTail: Tail = { length: 0, closed: false, origins: [] };

export class ArtifactReads {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async read(
    ref: ShardRef,
    page: { readonly generation: number; readonly from: number; readonly limit: number },
  ): Promise<readonly Artifact[]> {
    const read = this.#log(ref, page.generation)?.read(page.from, page.limit) ?? nothing;
    if (read === "dropped") throw artifactsDropped(ref);
    return read;
  }

  async tail(ref: ShardRef, generation: number): Promise<Tail> {
    return this.#log(ref, generation)?.tail() ?? emptyTail;
  }

  async readUids(
    ref: ShardRef,
    page: { readonly generation: number; readonly from: number; readonly limit: number },
  ): Promise<readonly string[]> {
    const read = this.#log(ref, page.generation)?.read(page.from, page.limit) ?? nothing;
    return read === "dropped" ? [] : read.map(({ uid }) => uid);
  }

  async storedUids(ref: ShardRef, generation: number, uids: readonly string[]): Promise<Set<string>> {
    return this.#log(ref, generation)?.stored(uids) ?? new Set();
  }

  async count(taskId: string): ReturnType<Store["countArtifacts"]> {
    const { state, step } = this.#context;
    const counts: Awaited<ReturnType<Store["countArtifacts"]>> = [];
    for (const node of [...(state.tasks.get(taskId)?.nodes.values() ?? [])]) {
      for (const entry of node.shards) {
        if (entry === undefined) continue;
        if (step !== undefined) await step("countArtifacts");
        const { nodeId, shard, generation, count } = entry.record;
        counts.push({ nodeId, shard, count: count ?? entry.logs[generation]?.length ?? 0 });
      }
    }
    return counts;
  }

  #log(ref: ShardRef, generation: number): ArtifactLog | undefined {
    return this.#context.state.shard(ref)?.logs[generation];
  }
}
