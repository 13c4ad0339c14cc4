import { type Attempt, type ShardRecord, shardKey } from "../model.ts";
import type { Clock, HeldSlot, Store } from "../ports/index.ts";

export interface SlotSweeperOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** How long a claim may be on its way before its epoch is taken from it, in ms. */
  readonly patienceMs: number;
  /** The attempt has another epoch now, which may be claimed. */
  readonly onSuperseded: (record: ShardRecord) => Promise<void>;
}

/**
 * Frees the slots of limits whose claim can't run any more: its worker died, or couldn't reach the store. No clock
 * decides that: the shard's record shows it. A slot whose claim may still be on its way, for a shard that is queued, is
 * made such a one by giving the shard its next epoch; only when that is done is a matter of time.
 */
export class SlotSweeper {
  readonly #options: SlotSweeperOptions;
  /** Since when each pending claim is known, by this process's clock. */
  #pendingSince = new Map<string, number>();

  constructor(options: SlotSweeperOptions) {
    this.#options = options;
  }

  async sweep(): Promise<void> {
    const { store } = this.#options;
    const pending = new Map<string, number>();
    const byTask = Map.groupBy(await store.heldSlots(), ({ holder }) => holder.taskId);
    for (const [taskId, slots] of byTask) {
      const records = await this.#recordsOf(taskId, slots);
      for (const slot of slots) {
        const record = records.get(shardKey(slot.holder));
        if (isOver(slot.holder, record)) await store.freeSlot(slot);
        else if (record?.status === "queued") await this.#await(slot, record, pending);
      }
    }
    this.#pendingSince = pending;
  }

  async #await({ holder }: HeldSlot, record: ShardRecord, pending: Map<string, number>): Promise<void> {
    const { store, clock, patienceMs, onSuperseded } = this.#options;
    const key = `${shardKey(holder)}:${holder.epoch}:${holder.claimId}`;
    const since = this.#pendingSince.get(key) ?? clock.monotonic();
    if (clock.monotonic() - since < patienceMs) {
      pending.set(key, since);
      return;
    }
    const superseded = await store.supersede(record);
    if (superseded !== undefined) await onSuperseded(superseded);
  }

  /** One read a task, after its slots were read: a claim under way then is one that these records may show. */
  async #recordsOf(taskId: string, slots: readonly HeldSlot[]): Promise<ReadonlyMap<string, ShardRecord>> {
    const nodeIds = [...new Set(slots.map(({ holder }) => holder.nodeId))];
    const records = await this.#options.store.readShards(taskId, nodeIds);
    return new Map(records.map((record) => [shardKey(record), record]));
  }
}

/** Whether this claim neither runs nor can come to run. */
function isOver(claim: Attempt, record: ShardRecord | undefined): boolean {
  if (record === undefined || record.epoch !== claim.epoch) return true;
  if (record.status === "queued") return false;
  const isOpen = record.status === "running" || record.status === "cancelling";
  return !isOpen || record.lease?.claimId !== claim.claimId;
}
