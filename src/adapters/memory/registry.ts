import { type Attempt, shardKey } from "../../core/model/records.ts";
import type { DeadLetterDriver, SlotDriver, WorkerDriver } from "../../core/store/driver.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";
import { pageOf, type StoreContext } from "./memory-state.ts";

/** When there are more, the oldest are dropped. */
const mostLetters = 10_000;

export function slotDriver({ state: { slots }, observe }: StoreContext): SlotDriver {
  return {
    async take({ key, max }, holder) {
      const holders = slots.get(key) ?? new Map<string, Attempt>();
      const name = holderKey(holder);
      if (holders.has(name)) return "ok";
      if (holders.size >= max) return "full";
      slots.set(key, holders.set(name, holder));
      observe?.({ kind: "slots", key, holders: [...holders.values()] });
      return "ok";
    },

    async free({ key, holder }) {
      const holders = slots.get(key);
      if (holders?.delete(holderKey(holder)) !== true) return;
      if (holders.size === 0) slots.delete(key);
      observe?.({ kind: "slots", key, holders: [...holders.values()] });
    },

    count: async (keys) => keys.map((key) => slots.get(key)?.size ?? 0),

    held: async () => [...slots].flatMap(([key, holders]) => [...holders.values()].map((holder) => ({ key, holder }))),
  };
}

const holderKey = (holder: Attempt): string => `${shardKey(holder)}:${holder.epoch}:${holder.claimId}`;

export function workerDriver({ state: { workers }, now }: StoreContext): WorkerDriver {
  return {
    announce: async (worker, ttlMs) =>
      void workers.set(worker.id, { worker: deepFreeze(worker), until: now() + ttlMs }),

    remove: async (id) => void workers.delete(id),

    async live() {
      for (const [id, { until }] of workers) if (until <= now()) workers.delete(id);
      return [...workers.values()].map(({ worker }) => worker);
    },
  };
}

export function deadLetterDriver({ state, now }: StoreContext): DeadLetterDriver {
  const { deadLetters } = state;
  return {
    async add(letter) {
      if (deadLetters.has(letter.id)) return;
      deadLetters.set(letter.id, { letter: Object.freeze({ ...letter, at: now() }), pk: state.nextPk() });
      const [oldest] = deadLetters.keys();
      if (deadLetters.size > mostLetters && oldest !== undefined) deadLetters.delete(oldest);
    },

    list: async (query) => pageOf(deadLetters.values(), query, ({ letter }) => letter),

    remove: async (id) => deadLetters.delete(id),
  };
}
