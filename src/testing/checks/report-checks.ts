import { type ShardRecord, type ShardRef, shardKey } from "../../engine/model.ts";
import type { Journal } from "../world/journal.ts";

/** What attempts say about themselves never goes back, and none of it outlives the output that it belongs to. */
export class ReportChecks {
  readonly #journal: Journal;
  readonly #violated: (ref: ShardRef, what: string) => void;
  /** As the write before left them. */
  readonly #records = new Map<string, ShardRecord>();

  constructor(journal: Journal, violated: (ref: ShardRef, what: string) => void) {
    this.#journal = journal;
    this.#violated = violated;
  }

  reported(record: ShardRecord): void {
    const key = shardKey(record);
    const before = this.#records.get(key);
    this.#records.set(key, record);
    const checkpoint = numberOf(record);
    if (record.checkpoint !== undefined && this.#journal.checkpoints.isWithdrawn(record, checkpoint)) {
      this.#violated(record, `checkpoint ${checkpoint} is of an output that was withdrawn`);
    }
    if (before?.generation !== record.generation) return;
    if (checkpoint < numberOf(before)) this.#violated(record, `checkpoint ${checkpoint} after ${numberOf(before)}`);
    for (const [source, seq] of Object.entries(before.cursors ?? {})) {
      const now = record.cursors?.[source] ?? 0;
      if (now < seq) this.#violated(record, `its cursor of ${source} went from ${seq} back to ${now}`);
    }
  }

  restarted(record: ShardRecord): void {
    const key = shardKey(record);
    if (this.#records.get(key)?.generation === record.generation) return; // asked again
    this.#records.set(key, record);
    this.#journal.checkpoints.restarted(record);
    if (record.checkpoint !== undefined) this.#violated(record, "a restart kept the checkpoint");
    if (record.cursors !== undefined) this.#violated(record, "a restart kept the cursors");
  }
}

const numberOf = ({ checkpoint }: ShardRecord): number => Number(checkpoint ?? 0);
