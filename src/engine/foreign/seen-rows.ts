import { type Artifact, type ShardRef, shardKey } from "../model.ts";
import type { PlainRows } from "../ports/index.ts";

/** The rows of nodes whose coordinator gives them no place, in the order in which they were first seen here. */
export class SeenRows {
  readonly #rows: PlainRows;
  /** By node, the uids of its batches. */
  readonly #seen = new Map<string, string[]>();

  constructor(rows: PlainRows) {
    this.#rows = rows;
  }

  async read(ref: ShardRef, from: number, limit: number): Promise<Artifact[]> {
    const known = await this.#look(ref, from + limit);
    const uids = known.slice(from, from + limit);
    const rows = new Map((await this.#rows.read(ref, uids)).map((row) => [row.batchUid, row]));
    return uids.map((uid, index) => {
      const { meta, metrics } = rows.get(uid) ?? gone(ref, uid);
      const seq = from + index;
      return { seq, uid, epoch: 1, claimId: "", origin: { source: "", seq, chunk: 0 }, meta, metrics };
    });
  }

  async count(ref: ShardRef): Promise<number> {
    return (await this.#look(ref, Number.POSITIVE_INFINITY)).length;
  }

  forget(): void {
    this.#seen.clear();
  }

  /** The node's batches, looked for when fewer than so many are known. */
  async #look(ref: ShardRef, wanted: number): Promise<readonly string[]> {
    const key = shardKey(ref);
    const known = this.#seen.get(key) ?? [];
    this.#seen.set(key, known);
    if (known.length >= wanted) return known;
    const found = await this.#rows.uids(ref);
    // Made only now: while the rows were looked for, others may have added the same ones.
    const there = new Set(known);
    for (const uid of found) if (!there.has(uid)) known.push(uid);
    return known;
  }
}

function gone({ taskId, nodeId }: ShardRef, uid: string): never {
  throw new Error(`batch '${uid}' of node '${nodeId}' of task ${taskId} is gone from the store while it is read`);
}
