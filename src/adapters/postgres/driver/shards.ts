import { jsonText } from "../../../core/codec/index.ts";
import { expiresAt, renewLease } from "../../../core/model/index.ts";
import {
  epochRef,
  queuedRef,
  type RenewAnswer,
  type ShardRecord,
  type ShardRef,
  shardKey,
} from "../../../core/model/records.ts";
import { type Judged, type ShardDriver, splitDue } from "../../../core/store/driver.ts";
import { together } from "../../../core/store/together.ts";
import {
  compareAndSet,
  idText,
  mostBytes,
  now,
  type Session,
  type ShardRow,
  unplanned,
  withEach,
} from "../database/session.ts";

export const isShard = "task_id = $1 AND node_id = $2 AND shard = $3";
/** Ordered by node, as their first shards were inserted. */
const shardsOfTasks = `SELECT record, at FROM (
    SELECT record, shard, at, min(pk) OVER (PARTITION BY of_task, node_id) AS first
    FROM unnest(${unplanned(1, "text[]")}) WITH ORDINALITY AS wanted (of_task, at)
    ${withEach("SELECT record, shard, node_id, pk FROM @shards WHERE task_id = of_task", "found")}) AS shards
  ORDER BY at, first, shard`;
const shardsOfNodes = `SELECT record, at
  FROM unnest(${unplanned(1, "text[]")}, $2::text[], $3::int[]) WITH ORDINALITY AS wanted (of_task, of_node, at, place)
  ${withEach("SELECT record, shard FROM @shards WHERE task_id = of_task AND node_id = of_node", "shards")}
  ORDER BY place, shard`;
const hasArtifacts = `SELECT 1 FROM @shards shard WHERE task_id = $1 AND node_id = $2
  AND (count > 0 OR EXISTS (SELECT 1 FROM @artifacts WHERE shard_pk = shard.pk)) LIMIT 1`;
const columnTypes = {
  status: "text",
  record: "text",
  priority: "int",
  epoch: "int",
  claim_id: "text",
  generation: "int",
  count: "int",
  ready_at: "float8",
  due_at: "float8",
  expires_at: "float8",
};
const columnNames = Object.keys(columnTypes);
const columns = `${columnNames.join(", ")}, queue_order`;
/** The values of `columns`. */
const valuesOf = (parameters: readonly string[]): string =>
  `${parameters.join(", ")}, CASE WHEN ${parameters[0]} = 'queued' THEN nextval('@queue_order') END`;
/** As parameters, from `$n` on. */
const valuesFrom = (n: number): string => valuesOf(columnNames.map((_, index) => `$${n + index}`));
const headOfTask = `SELECT paused, ${now} AS now FROM @tasks WHERE id = $1`;
/**
 * Inserts a shard with {@link newShardValues} as parameters, from `$n` on. Locks the task, so that it is neither paused nor
 * deleted before the shard is stored.
 */
export const insertShardFrom = (n: number, more = ""): string =>
  `INSERT INTO @shards (task_id, node_id, shard, type, rev, ${columns})
  SELECT $${n}, $${n + 1}, $${n + 2}, $${n + 3}, 0, ${valuesFrom(n + 5)} FROM ${more}@tasks task
  WHERE task.id = $${n} AND task.paused = $${n + 4} FOR SHARE OF task ON CONFLICT DO NOTHING RETURNING pk::float8 AS next`;
const insertShard = insertShardFrom(1);
const readShard = `SELECT pk::float8, rev, record, ${now} AS now FROM @shards WHERE ${isShard}`;
const readWithLength = `SELECT pk::float8, rev, record, ${now} AS now, (SELECT seq + 1 FROM @artifacts
    WHERE shard_pk = shard.pk AND generation = shard.generation ORDER BY seq DESC LIMIT 1) AS length
  FROM @shards shard WHERE ${isShard}`;
/** Replaces the record of a shard. The caller adds the condition: key `$1`, revision `$2`. */
export const setShard = `UPDATE @shards shard SET rev = rev + 1, (${columns}) = ROW (${valuesFrom(3)})`;
/** The columns of a table whose rows are {@link shardValues}. */
export const givenShard = { pk: "bigint", rev: "int", ...columnTypes };
/** As {@link setShard}, from a row of such a table. */
export const setGivenShard = `UPDATE @shards shard SET rev = shard.rev + 1,
  (${columns}) = ROW (${valuesOf(columnNames.map((name) => `own.${name}`))})`;
/** The columns of a table whose rows are {@link newShardValues}. */
export const givenNewShard = Object.fromEntries(
  Object.entries({
    task_id: "text",
    node_id: "text",
    shard: "int",
    type: "text",
    paused: "boolean",
    ...columnTypes,
  }).map(([name, type]) => [`new_${name}`, type]),
);
/** As {@link insertShardFrom}, from the rows of such a table. */
export const insertGivenShard = (from: string): string =>
  `INSERT INTO @shards (task_id, node_id, shard, type, rev, ${columns})
  SELECT new_task_id, new_node_id, new_shard, new_type, 0, ${valuesOf(columnNames.map((name) => `new_${name}`))}
  FROM ${from} CROSS JOIN LATERAL (SELECT FROM @tasks WHERE id = new_task_id AND paused = new_paused FOR SHARE) AS locked
  ON CONFLICT DO NOTHING RETURNING pk::float8, task_id, node_id, shard`;
const replaceShard = `${setShard} WHERE pk = $1 AND rev = $2 RETURNING 1`;
const readMany = `SELECT pk::float8, rev, record, at, ${now} AS now
  FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY AS wanted (of_task, of_node, of_shard, at)
  ${withEach("SELECT * FROM @shards WHERE task_id = of_task AND node_id = of_node AND shard = of_shard", "shards")}`;
/** Locks rows in the order of their keys, as a completion of several shards does, so that the two cannot deadlock. */
const renewMany = `WITH renewed AS (SELECT given.* FROM @shards shard
    JOIN unnest($1::bigint[], $2::int[], $3::text[], $4::float8[]) AS given (pk, rev, record, expires_at) USING (pk, rev)
    WHERE pk = ANY ($1) ORDER BY pk FOR NO KEY UPDATE OF shard)
  UPDATE @shards shard SET rev = shard.rev + 1, record = renewed.record, expires_at = renewed.expires_at
  FROM renewed WHERE shard.pk = renewed.pk AND shard.pk = ANY ($1) RETURNING shard.pk::float8`;
const expired = `SELECT record FROM @shards WHERE expires_at <= ${now} ORDER BY expires_at LIMIT $1`;
const deferred = `SELECT record, due_at AS at, ${now} AS now FROM @shards WHERE due_at IS NOT NULL ORDER BY due_at LIMIT $1`;
/** One index scan per type, merged. */
const [limit, except, only] = [unplanned(2, "int"), unplanned(3, "text[]"), unplanned(4, "text[]")];
const queued = `SELECT record FROM unnest(${unplanned(1, "text[]")}) AS wanted (type) CROSS JOIN LATERAL (
    SELECT record, priority, ready_at, queue_order FROM @shards WHERE status = 'queued' AND type = wanted.type
      AND (${except} IS NULL OR task_id <> ALL (${except})) AND (${only} IS NULL OR task_id = ANY (${only}))
      AND priority < ${unplanned(5, "int")}
    ORDER BY priority DESC, ready_at, queue_order LIMIT ${limit}) AS shard
  ORDER BY priority DESC, ready_at, queue_order LIMIT ${limit}`;

interface NodesOfTask {
  readonly taskId: string;
  readonly nodeIds: readonly string[];
}

export function shardTable(session: Session): ShardDriver {
  const readNodes = together((asked: readonly NodesOfTask[]) => nodesOf(session, asked));
  /** Batched, since a sweep reads many tasks. */
  const readAll = together(async (taskIds: readonly string[]) => {
    const ids = [...new Set(taskIds.map(idText))];
    const rows = await session.all<ShardRow & { at: string }>(shardsOfTasks, [ids]);
    const found = Map.groupBy(rows, ({ at }) => ids[Number(at) - 1]);
    return taskIds.map((id) => (found.get(idText(id)) ?? []).map(recordOf));
  });
  return {
    async read(taskId, nodeIds) {
      if (nodeIds?.length === 0) return [];
      if (nodeIds !== undefined) return readNodes({ taskId, nodeIds });
      return readAll(taskId);
    },
    hasArtifacts: (taskId, nodeId) => session.has(hasArtifacts, [idText(taskId), nodeId]),
    async insert(ref, create) {
      // Assumes first that the task is not paused, which saves a read.
      for (let known = session.time; ; known = undefined) {
        const read = () => session.get<{ now: number; paused: boolean }>(headOfTask, [idText(ref.taskId)]);
        const task = known === undefined ? await read() : { now: known, paused: false };
        if (task === undefined) return "gone";
        const record = create(task.now, task.paused || undefined);
        const row = await session.get<{ next: number }>(insertShard, newShardValues(record, task.paused));
        if (row !== undefined) {
          keepWritten(session, record, { pk: row.next, rev: 0 });
          return "inserted";
        }
        if (await session.has(readShard, refValues(ref))) return "exists";
      }
    },
    update: (ref, _, judge) => updateShard(session, ref, judge),
    updateWithLength: (ref, _, judge) =>
      compareAndSet({
        read: () => session.get<ShardRow & { length: number | null }>(readWithLength, refValues(ref)),
        judge: (row) => judge(row && recordOf(row), row?.now ?? 0, row?.length ?? 0),
        write: (next, row) => session.has(replaceShard, shardValues(next, row)),
      }),
    async renew(attempts, leaseMs) {
      const answers = new Map<number, RenewAnswer>();
      for (let open = attempts.map((_, index) => index); open.length > 0; ) {
        const wanted = open.map((index) => attempts[index] as ShardRef);
        const keys = [wanted.map(({ taskId }) => idText(taskId)), wanted.map(({ nodeId }) => nodeId)];
        const rows = await session.all<ShardRow & { at: string }>(readMany, [
          ...keys,
          wanted.map(({ shard }) => shard),
        ]);
        const found = new Map(rows.map((row) => [Number(row.at) - 1, row]));
        const renewed = open.flatMap((index, place) => {
          const row = found.get(place);
          const attempt = attempts[index];
          if (attempt === undefined) return [];
          const { answer, next } = renewLease(row && recordOf(row), attempt, { leaseMs, now: row?.now ?? 0 });
          answers.set(index, answer);
          return row === undefined || next === undefined ? [] : [{ index, row, next }];
        });
        if (renewed.length === 0) break;
        const rowValues = [renewed.map(({ row }) => row.pk), renewed.map(({ row }) => row.rev)];
        const nextValues = [
          renewed.map(({ next }) => recordText(next)),
          renewed.map(({ next }) => expiresAt(next) ?? null),
        ];
        const written = await session.all<{ pk: number }>(renewMany, [...rowValues, ...nextValues]);
        const pks = new Set(written.map(({ pk }) => pk));
        open = renewed.filter(({ row }) => !pks.has(row.pk)).map(({ index }) => index); // changed since the read
      }
      return attempts.map((_, index) => answers.get(index) ?? "fenced");
    },
    expiredLeases: async (limit) =>
      (await session.all<ShardRow>(expired, [limit])).map((row) => epochRef(recordOf(row))),
    async dueDeferred(limit) {
      const rows = await session.all<ShardRow & { at: number }>(deferred, [limit + 1]);
      const { due, nextInMs } = splitDue(rows, limit, rows[0]?.now ?? 0);
      return { due: due.map((row) => epochRef(recordOf(row))), nextInMs };
    },
    async peekQueue(types, limit, exceptTasks, onlyTasks, below = maxInteger) {
      const lists = [exceptTasks, onlyTasks].map((tasks) => tasks && [...tasks].map(idText));
      const rows = await session.all<ShardRow>(queued, [types, limit, ...lists.map((list) => list ?? null), below]);
      return rows.map((row) => queuedRef(recordOf(row)));
    },
  };
}

/** Reads the shards of the nodes that each request names, in one statement. */
async function nodesOf(session: Session, asked: readonly NodesOfTask[]): Promise<readonly ShardRecord[][]> {
  const wanted = asked.flatMap(({ taskId, nodeIds }, at) =>
    [...new Set(nodeIds)].map((id) => [idText(taskId), id, at]),
  );
  const columns = [0, 1, 2].map((column) => wanted.map((each) => each[column]));
  const found = asked.map((): ShardRecord[] => []);
  for (const row of await session.all<ShardRow & { at: number }>(shardsOfNodes, columns))
    found[row.at]?.push(recordOf(row));
  return found;
}

const maxInteger = 2 ** 31 - 1;

export const refValues = ({ taskId, nodeId, shard }: ShardRef) => [idText(taskId), nodeId, shard];

const recordOf = ({ record }: Pick<ShardRow, "record">): ShardRecord => JSON.parse(record);

const recordText = (record: ShardRecord): string =>
  jsonText(record, `the record of node '${record.nodeId}'`, mostBytes);

/** The values of `columns`, without `queue_order`. */
function columnValues(record: ShardRecord): readonly unknown[] {
  const { status, priority, epoch, lease, generation, count = null, readyAt, dueAt = null } = record;
  const attempt = [epoch, lease?.claimId ?? null, generation, count];
  return [status, recordText(record), priority, ...attempt, readyAt, dueAt, expiresAt(record) ?? null];
}

/** The values of {@link insertShardFrom}. */
export const newShardValues = (record: ShardRecord, paused: boolean): readonly unknown[] => [
  ...refValues(record),
  record.type,
  paused,
  ...columnValues(record),
];

/** Remembers the record that the row of a shard now has: its next change needs no read. */
export const keepWritten = (session: Session, record: ShardRecord, { pk, rev }: Pick<ShardRow, "pk" | "rev">): void =>
  session.written.set(shardKey(record), { pk, rev, record });

/** The values of {@link setShard}. */
export const shardValues = (next: ShardRecord, { pk, rev }: Pick<ShardRow, "pk" | "rev">) => [
  pk,
  rev,
  ...columnValues(next),
];

/** @param write - writes these {@link shardValues}, and resolves with whether the row had not changed */
export function updateShard<TAnswer>(
  session: Session,
  ref: ShardRef,
  judge: (record: ShardRecord | undefined, now: number) => Judged<TAnswer, ShardRecord>,
  write = (values: readonly unknown[]) => session.has(replaceShard, values),
): Promise<TAnswer> {
  const { time } = session;
  const written = session.written.get(shardKey(ref));
  return compareAndSet({
    known: written && time !== undefined ? { ...written, now: time } : undefined,
    async read() {
      const row = await session.get<ShardRow>(readShard, refValues(ref));
      return row && { ...row, record: recordOf(row) };
    },
    judge: (row) => judge(row?.record, row?.now ?? 0),
    async write(next, row) {
      const isWritten = await write(shardValues(next, row));
      if (isWritten) keepWritten(session, next, { pk: row.pk, rev: row.rev + 1 });
      return isWritten;
    },
  });
}
