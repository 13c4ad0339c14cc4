import { shardKey } from "../../src/core/model/records.ts";
import type { PlainRow, PlainRows } from "../../src/core/ports/index.ts";

/** The rows of an external worker's database, in memory. */
export class MemoryRows implements PlainRows {
  readonly rows = new Map<string, Map<string, PlainRow>>();
  readonly #complete = new Set<string>();

  async open(): Promise<void> {}
  async close(): Promise<void> {}

  uids: PlainRows["uids"] = async (ref) => [...this.#of(ref).keys()];
  read: PlainRows["read"] = async (ref, uids) => uids.flatMap((uid) => this.#of(ref).get(uid) ?? []);
  isComplete: PlainRows["isComplete"] = async (ref) => this.#complete.has(shardKey(ref));

  write: PlainRows["write"] = async (ref, { batchUid, meta, metrics }) => {
    this.rows.set(shardKey(ref), new Map([...this.#of(ref), [batchUid, { batchUid, meta, metrics }]]));
  };

  complete: PlainRows["complete"] = async (ref) => {
    this.#complete.add(shardKey(ref));
  };

  #of(ref: Parameters<typeof shardKey>[0]): ReadonlyMap<string, PlainRow> {
    return this.rows.get(shardKey(ref)) ?? new Map();
  }
}
