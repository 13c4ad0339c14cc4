import { shardOf } from "../../engine/input/index.ts";
import { type ShardRecord, type ShardRef, shardKey } from "../../engine/model.ts";
import type { SourceArgs } from "../world/computation.ts";
import type { CheckParts } from "./check-parts.ts";

/** What attempts say about themselves never goes back, and none of it outlives the output that it belongs to. */
export class ReportChecks {
  readonly #state: CheckParts["state"];
  readonly #journal: CheckParts["journal"];
  /** Users' handlers save what they like. */
  readonly #knowsCheckpoints: boolean;
  readonly #violated: (ref: ShardRef, what: string) => void;
  /** As the write before left them. */
  readonly #records = new Map<string, ShardRecord>();

  constructor({ state, journal, workload }: CheckParts, violated: (ref: ShardRef, what: string) => void) {
    this.#state = state;
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
    if (checkpoint > numberOf(before)) this.#placeOfSource(record);
  }

  /** A source that goes on from its checkpoint doesn't yield again what was before it: that must be stored by then. */
  #placeOfSource(record: ShardRecord): void {
    const nodes = this.#state.tasks.get(record.taskId)?.record.graph.nodes ?? [];
    const node = nodes.find(({ node_id }) => node_id === record.nodeId);
    const { saves, partitions } = (node?.io?.input_inline ?? {}) as Partial<SourceArgs>;
    if (saves !== true) return;
    for (let index = 0; index < numberOf(record); index++) {
      const uid = `b${index}`;
      if (shardOf(uid, partitions ?? 1) !== record.shard || this.#journal.archive.has(record, uid)) continue;
      this.#violated(record, `checkpoint ${numberOf(record)} is stored, and batch ${uid} before it is not`);
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
