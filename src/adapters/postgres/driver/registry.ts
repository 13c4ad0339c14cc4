import type { RegistryEntry, SweepKind } from "../../../core/ports/index.ts";
import { newestPage, pkBefore } from "../../../core/store/collections.ts";
import { dueIds, dueLook, entryOf, type RegistryDriver, type SlotDriver } from "../../../core/store/driver.ts";
import { compareAndSet, idOf, idText, now, type Revised, type Session } from "../database/session.ts";

/** Checks and writes in one statement, since many callers compete for a row. */
const takeSlot = `INSERT INTO @limits AS known (key, holders) VALUES ($1, ARRAY [$2]) ON CONFLICT (key) DO UPDATE
  SET holders = known.holders || $2 WHERE cardinality(known.holders) < $3 AND $2 <> ALL (known.holders) RETURNING 1`;
const freeSlot = "UPDATE @limits SET holders = array_remove(holders, $2) WHERE key = $1 AND $2 = ANY (holders)";
/** Also deletes limits without holders, since those of tasks and nodes would accumulate; `take` inserts them again. */
const heldSlots = `WITH emptied AS (DELETE FROM @limits WHERE key IN (
    SELECT key FROM @limits WHERE holders = '{}' FOR UPDATE SKIP LOCKED))
  SELECT key, unnest(holders) AS holder FROM @limits`;

/** The holders of limits: one row per limit. */
export const slotTable = (session: Session): SlotDriver => ({
  async take({ key, max }, { taskId, nodeId, shard, epoch, claimId }) {
    const holder = JSON.stringify([taskId, nodeId, shard, epoch, claimId]);
    for (;;) {
      if (max < 1 || (await session.has(takeSlot, [idText(key), holder, max]))) return max < 1 ? "full" : "ok";
      const found = await session.get<{ holders: string[] }>("SELECT holders FROM @limits WHERE key = $1", [
        idText(key),
      ]);
      if (found?.holders.includes(holder)) return "ok";
      if (found !== undefined && found.holders.length >= max) return "full";
    }
  },
  async free({ key, holder: { taskId, nodeId, shard, epoch, claimId } }) {
    await session.all(freeSlot, [idText(key), JSON.stringify([taskId, nodeId, shard, epoch, claimId])]);
  },
  async count(keys) {
    const look = "SELECT key, cardinality(holders) AS n FROM @limits WHERE key = ANY ($1)";
    const rows = keys.length === 0 ? [] : await session.all<{ key: string; n: number }>(look, [keys.map(idText)]);
    const found = new Map(rows.map(({ key, n }) => [key, n]));
    return keys.map((key) => found.get(idText(key)) ?? 0);
  },
  async held() {
    return (await session.all<{ key: string; holder: string }>(heldSlots)).map(({ key, holder }) => {
      const [taskId, nodeId, shard, epoch, claimId] = JSON.parse(holder);
      return { key: idOf(key), holder: { taskId, nodeId, shard, epoch, claimId } };
    });
  },
});

const isEntry = "kind = $1 AND id = $2";
/** Also deletes expired entries, this one included. */
const readEntry = `WITH ended AS (DELETE FROM @registry WHERE pk IN (
    SELECT pk FROM @registry WHERE until <= ${now} ORDER BY until LIMIT 100 FOR UPDATE SKIP LOCKED))
  SELECT moment.now, entry.* FROM (SELECT ${now} AS now) AS moment
  LEFT JOIN (SELECT pk::float8, rev, value, due_at, until FROM @registry
    WHERE ${isEntry} AND (until IS NULL OR until > ${now})) AS entry ON true`;
const insertEntry = `INSERT INTO @registry (kind, id, rev, value, due_at, until) VALUES ($1, $2, 0, $3, $4, $5)
  ON CONFLICT DO NOTHING RETURNING 1`;
const replaceEntry = `UPDATE @registry SET rev = rev + 1, value = $3, due_at = $4, until = $5
  WHERE pk = $1 AND rev = $2 RETURNING 1`;
const renewEntry = `UPDATE @registry SET rev = rev + 1, value = $3, until = ${now} + $4 WHERE ${isEntry} RETURNING 1`;
const removeEntry = "DELETE FROM @registry WHERE pk = $1 AND rev = $2 RETURNING 1";
const entries = `SELECT pk::float8, id, value, due_at, until FROM @registry WHERE kind = $1 AND (until IS NULL OR until > ${now}) AND pk < $2
  ORDER BY registry.pk DESC LIMIT $3`;
const firstDue = `SELECT id, due_at AS at, ${now} AS now FROM @registry WHERE kind = $1 AND due_at IS NOT NULL
  ORDER BY due_at LIMIT $2`;

/** When the earliest record of each kind is due. Kinds without a time are due if there are any. */
const earliest = `SELECT kind, at - ${now} AS "inMs" FROM (VALUES
    ('expired', (SELECT min(expires_at) FROM @shards)), ('deferred', (SELECT min(due_at) FROM @shards)),
    ('overdue', (SELECT min(deadline_at) FROM @tasks)), ('tasks', (SELECT min(sweep_at) FROM @tasks)),
    ('schedules', (SELECT min(due_at) FROM @registry WHERE kind = 'schedule')),
    ('pausedFlows', (SELECT 0 WHERE EXISTS (SELECT FROM @registry WHERE kind = 'paused_flow'))),
    ('slots', (SELECT 0 WHERE EXISTS (SELECT FROM @limits)))) AS found (kind, at) WHERE at IS NOT NULL`;

type EntryRow = Revised &
  Readonly<Record<"id" | "value", string>> & {
    readonly pk: number | null;
    readonly due_at: number | null;
    readonly until: number | null;
  };

export const registryTable = (session: Session): RegistryDriver => ({
  update: ({ kind, id }, judge) =>
    compareAndSet({
      read: () => session.get<EntryRow>(readEntry, [kind, idText(id)]),
      judge(row) {
        const known = row === undefined || row.pk === null ? undefined : recordOf(row);
        const { answer, next } = judge(known, row?.now ?? 0);
        // Removing an entry that does not exist changes nothing.
        return next === undefined || (next === null && known === undefined) ? { answer } : { answer, next };
      },
      write(next: RegistryEntry | null, { pk, rev }) {
        if (next === null) return session.has(removeEntry, [pk, rev]);
        const values = [JSON.stringify(next.value), next.dueAt ?? null, next.until ?? null];
        if (pk === null) return session.has(insertEntry, [kind, idText(id), ...values]);
        return session.has(replaceEntry, [pk, rev, ...values]);
      },
    }),
  replace: ({ kind, id }, value, ttlMs) => session.has(renewEntry, [kind, idText(id), JSON.stringify(value), ttlMs]),
  async list(kind, query) {
    const rows = await session.all<EntryRow & { pk: number }>(entries, [kind, pkBefore(query), query.limit + 1]);
    return newestPage(rows, query, (row) => ({ id: idOf(row.id), ...recordOf(row) }));
  },
  async due(kind, limit) {
    const rows = await session.all<{ id: string; at: number; now: number }>(firstDue, [kind, limit + 1]);
    const { due, ...rest } = dueIds(rows, limit, rows[0]?.now ?? 0);
    return { due: due.map(idOf), ...rest };
  },
});

const recordOf = ({ value, due_at: dueAt, until }: EntryRow): RegistryEntry =>
  entryOf(JSON.parse(value), { dueAt, until });

export const lookForDue = (session: Session) => async (aheadMs: number) =>
  dueLook(await session.all<{ kind: SweepKind; inMs: number }>(earliest), aheadMs);
