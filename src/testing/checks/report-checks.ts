import { type ShardRecord, type ShardRef, shardKey } from "../../engine/model.ts";
import type { CheckParts } from "./check-parts.ts";

/** What attempts say about themselves never goes back, and none of it outlives the output that it belongs to. */
export class ReportChecks {
  readonly #journal: CheckParts["journal"];
  /** Users' handlers save what they like. */
  readonly #knowsCheckpoints: boolean;
  readonly #violated: (ref: ShardRef, what: string) => void;
  /** As the write before left them. */
  readonly #records = new Map<string, ShardRecord>();

  constructor({ journal, workload }: CheckParts, violated: (ref: ShardRef, what: string) => void) {
    this.#journal = journal;
    this.#knowsCheckpoints = workload.isKnown;
    this.#violated = violated;
  }

  reported(record: ShardRecord): void {
    const key = shardKey(record);
    const before = this.#records.get(key);
    this.#records.set(key, record);
    if (this.#knowsCheckpoints) this.#checkpoint(record, before);
    if (before?.generation !== record.generation) return;
    for (const [source, seq] of Object.entries(before.cursors ?? {})) {
      const now = record.cursors?.[source] ?? 0;
      if (now < seq) this.#violated(record, `its cursor of ${source} went from ${seq} back to ${now}`);
    }
  }

  #checkpoint(record: ShardRecord, before: ShardRecord | undefined): void {
    const checkpoint = numberOf(record);
    if (record.checkpoint !== undefined && this.#journal.checkpoints.isWithdrawn(record, checkpoint)) {
      this.#violated(record, `checkpoint ${checkpoint} is of an output that was withdrawn`);
    }
    if (before?.generation !== record.generation) return;
    if (checkpoint < numberOf(before)) this.#violated(record, `checkpoint ${checkpoint} after ${numberOf(before)}`);
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
