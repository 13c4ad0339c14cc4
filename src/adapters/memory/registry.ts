import { type Attempt, shardKey } from "../../core/model/records.ts";
import type { DeadLetterDriver, SlotDriver, WorkerDriver } from "../../core/store/driver.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";
import type { StoreContext } from "./memory-state.ts";

/** The oldest go when there are more. */
const mostLetters = 10_000;

/** The holders of limits: each limit is one record. */
export function slotDriver({ state: { slots }, observe }: StoreContext): SlotDriver {
  const tell = (key: string, holders: ReadonlyMap<string, Attempt>): void =>
    observe?.({ kind: "slots", key, holders: [...holders.values()] });
  return {
    async take({ key, max }, holder) {
      const holders = slots.get(key) ?? new Map<string, Attempt>();
      const name = holderKey(holder);
      if (holders.has(name)) return "ok";
      if (holders.size >= max) return "full";
      slots.set(key, holders.set(name, holder));
      tell(key, holders);
      return "ok";
    },

    async free({ key, holder }) {
      const holders = slots.get(key);
      if (holders?.delete(holderKey(holder)) !== true) return;
      if (holders.size === 0) slots.delete(key);
      tell(key, holders);
    },

    async count(keys) {
      return keys.map((key) => slots.get(key)?.size ?? 0);
    },

    async held() {
      return [...slots].flatMap(([key, holders]) => [...holders.values()].map((holder) => ({ key, holder })));
    },
  };
}

const holderKey = (holder: Attempt): string => `${shardKey(holder)}:${holder.epoch}:${holder.claimId}`;

/** The workers that said they are alive. */
export function workerDriver({ state: { workers }, now }: StoreContext): WorkerDriver {
  return {
    async announce(worker, ttlMs) {
      workers.set(worker.id, { worker: deepFreeze(worker), until: now() + ttlMs });
    },

    async remove(id) {
      workers.delete(id);
    },

    async live() {
      const at = now();
      for (const [id, { until }] of workers) if (until <= at) workers.delete(id);
      return [...workers.values()].map(({ worker }) => worker);
    },
  };
}

/** The messages that nobody could read. */
export function deadLetterDriver({ state: { deadLetters }, now }: StoreContext): DeadLetterDriver {
  return {
    async add(letter) {
      if (deadLetters.has(letter.id)) return;
      deadLetters.set(letter.id, Object.freeze({ ...letter, at: now() }));
      const [oldest] = deadLetters.keys();
      if (deadLetters.size > mostLetters && oldest !== undefined) deadLetters.delete(oldest);
    },

    async list({ cursor, limit }) {
      const newestFirst = [...deadLetters.values()].reverse();
      const from = cursor === undefined ? 0 : newestFirst.findIndex(({ id }) => id === cursor) + 1;
      const items = newestFirst.slice(from, from + limit);
      const last = items.at(-1);
      const hasMore = from + items.length < newestFirst.length;
      return { items, ...(hasMore && last !== undefined ? { cursor: last.id } : {}) };
    },

    async remove(id) {
      return deadLetters.delete(id);
    },
  };
}
