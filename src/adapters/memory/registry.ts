import { type Attempt, shardKey } from "../../core/model/records.ts";
import type { RegistryEntry, RegistryKind } from "../../core/ports/index.ts";
import { dueIds, pageOf, type RegistryDriver, type SlotDriver } from "../../core/store/driver.ts";
import { deepFreeze } from "../../graph/format/plain-data.ts";
import type { StoreContext } from "./memory-state.ts";

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

export function registryDriver({ state, now }: StoreContext): RegistryDriver {
  const isKept = ({ until = Number.POSITIVE_INFINITY }: RegistryEntry): boolean => until > now();
  const rowsOf = (kind: RegistryKind) => [...state.registry[kind].values()].filter(({ entry }) => isKept(entry));
  return {
    async update({ kind, id }, judge) {
      const table = state.registry[kind];
      const row = table.get(id);
      const found = row !== undefined && isKept(row.entry) ? row : undefined;
      const { answer, next } = judge(found?.entry, now());
      if (next === null || (next !== undefined && found === undefined)) table.delete(id);
      if (next) table.set(id, { id, pk: found?.pk ?? state.nextPk(), entry: deepFreeze(next) });
      const [oldest] = table.keys();
      if (kind === "dead_letter" && table.size > mostLetters && oldest !== undefined) table.delete(oldest);
      return answer;
    },

    list: async (kind, query) => pageOf(rowsOf(kind), query, ({ id, entry }) => ({ id, ...entry })),

    async due(kind, limit) {
      const rows = rowsOf(kind).flatMap(({ id, entry: { dueAt: at } }) => (at === undefined ? [] : [{ id, at }]));
      rows.sort((a, b) => a.at - b.at);
      return dueIds(rows.slice(0, limit + 1), limit, now());
    },
  };
}
