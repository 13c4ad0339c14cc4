import type { Artifact, ShardRef } from "../../core/model/records.ts";
import type { Store, Tail } from "../../core/ports/index.ts";
import { ArtifactLog } from "./artifact-log.ts";
import { shardRow } from "./shard-rows.ts";
import type { StoreParts } from "./store-parts.ts";

export class ArtifactReads {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async read(
    ref: ShardRef,
    page: { readonly generation: number; readonly from: number; readonly limit: number },
  ): Promise<readonly Artifact[]> {
    return this.#parts.connection.read(() => this.#log(ref, page.generation)?.read(page.from, page.limit) ?? []);
  }

  async tail(ref: ShardRef, generation: number): Promise<Tail> {
    const empty = { length: 0, closed: false, origins: [] };
    return this.#parts.connection.read(() => this.#log(ref, generation)?.tail() ?? empty);
  }

  async readUids(
    ref: ShardRef,
    page: { readonly generation: number; readonly from: number; readonly limit: number },
  ): Promise<readonly string[]> {
    return this.#parts.connection.read(() => this.#log(ref, page.generation)?.uids(page.from, page.limit) ?? []);
  }

  async storedUids(ref: ShardRef, generation: number, uids: readonly string[]): Promise<Set<string>> {
    return this.#parts.connection.read(() => this.#log(ref, generation)?.stored(uids) ?? new Set());
  }

  async count(taskId: string): ReturnType<Store["countArtifacts"]> {
    const { connection } = this.#parts;
    return connection.read(() => {
      const rows = connection.sql("SELECT node_id, shard FROM shards WHERE task_id = ? ORDER BY pk").all(taskId);
      return rows.flatMap((row) => {
        const found = shardRow(this.#parts, { taskId, nodeId: String(row.node_id), shard: Number(row.shard) });
        if (found === undefined) return [];
        const { nodeId, shard, generation, count } = found.record;
        const log = new ArtifactLog(this.#parts, found.pk, generation);
        return [{ nodeId, shard, count: count ?? log.count() }];
      });
    });
  }

  #log(ref: ShardRef, generation: number): ArtifactLog | undefined {
    const row = shardRow(this.#parts, ref);
    return row && new ArtifactLog(this.#parts, row.pk, generation);
  }
}
