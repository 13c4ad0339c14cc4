import type { QueryResult } from "pg";
import { FlowError } from "../../../errors/index.ts";

/*
 * The statements of each version of the layout; an older schema is migrated version by version, in one transaction. `@`
 * stands for the schema. Times are milliseconds of the store's clock. A record is JSON as text, next to the columns that
 * queries need: `jsonb` would reorder keys, round large numbers, and reject the character U+0000.
 */
const migrations: readonly string[] = [
  `CREATE TABLE @tasks (
     pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text COLLATE "C" NOT NULL UNIQUE, rev integer NOT NULL,
     status text NOT NULL, paused boolean NOT NULL, name text, record text NOT NULL, graph text NOT NULL,
     params text NOT NULL, vars text NOT NULL, vars_version integer NOT NULL, applied_by text NOT NULL,
     idempotency_key text COLLATE "C" UNIQUE, parent_id text COLLATE "C",
     sweep_at double precision, deadline_at double precision, ended_at double precision);
   CREATE INDEX tasks_by_status ON @tasks (status, pk);
   CREATE INDEX tasks_without_parent ON @tasks (status, pk) WHERE parent_id IS NULL;
   CREATE INDEX tasks_by_parent ON @tasks (parent_id, status, pk) WHERE parent_id IS NOT NULL;
   CREATE INDEX tasks_by_sweep ON @tasks (sweep_at) WHERE sweep_at IS NOT NULL;
   CREATE INDEX tasks_by_deadline ON @tasks (deadline_at) WHERE deadline_at IS NOT NULL;
   CREATE INDEX tasks_by_end ON @tasks (ended_at, pk) WHERE ended_at IS NOT NULL;
   CREATE TABLE @loans (
     lender text COLLATE "C" NOT NULL REFERENCES @tasks (id),
     borrower text COLLATE "C" NOT NULL REFERENCES @tasks (id) ON DELETE CASCADE, PRIMARY KEY (lender, borrower));
   CREATE INDEX loans_by_borrower ON @loans (borrower);
   CREATE SEQUENCE @queue_order;
   CREATE TABLE @shards (
     pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     task_id text COLLATE "C" NOT NULL REFERENCES @tasks (id) ON DELETE CASCADE,
     node_id text COLLATE "C" NOT NULL, shard integer NOT NULL, rev integer NOT NULL, status text NOT NULL,
     record text NOT NULL, type text COLLATE "C" NOT NULL, priority integer NOT NULL, epoch integer NOT NULL,
     claim_id text COLLATE "C", generation integer NOT NULL, count integer, ready_at double precision NOT NULL,
     queue_order bigint, due_at double precision, expires_at double precision, UNIQUE (task_id, node_id, shard));
   CREATE INDEX shards_by_queue ON @shards (type, priority DESC, ready_at, queue_order) WHERE status = 'queued';
   CREATE INDEX shards_by_due ON @shards (due_at) WHERE due_at IS NOT NULL;
   CREATE INDEX shards_by_expiry ON @shards (expires_at) WHERE expires_at IS NOT NULL;
   CREATE TABLE @artifacts (
     shard_pk bigint NOT NULL REFERENCES @shards (pk) ON DELETE CASCADE, generation integer NOT NULL,
     seq integer NOT NULL, uid text COLLATE "C", epoch integer NOT NULL, claim_id text NOT NULL,
     origin_source text COLLATE "C", origin_seq integer, chunk integer, more text, meta text, metrics text,
     PRIMARY KEY (shard_pk, generation, seq));
   CREATE UNIQUE INDEX artifacts_by_uid ON @artifacts (shard_pk, generation, uid) WHERE uid IS NOT NULL;
   CREATE INDEX artifacts_by_origin ON @artifacts (shard_pk, generation, origin_source, seq) WHERE uid IS NOT NULL;
   CREATE TABLE @limits (key text COLLATE "C" PRIMARY KEY, holders text[] NOT NULL);
   CREATE TABLE @registry (
     pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, id text COLLATE "C" NOT NULL,
     rev integer NOT NULL, value text NOT NULL, due_at double precision, until double precision, UNIQUE (kind, id));
   CREATE INDEX registry_by_order ON @registry (kind, pk);
   CREATE INDEX registry_by_due ON @registry (kind, due_at) WHERE due_at IS NOT NULL;
   CREATE INDEX registry_by_end ON @registry (until) WHERE until IS NOT NULL;`,
  // Unlogged, since messages are hints: losing them in a crash of the server only costs time.
  `CREATE TABLE @bus_groups (
     pk integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, topics text[] NOT NULL,
     until double precision NOT NULL);
   CREATE UNLOGGED TABLE @bus_messages (
     pk bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     group_pk integer NOT NULL REFERENCES @bus_groups (pk) ON DELETE CASCADE, lane bigint NOT NULL, topic text NOT NULL,
     key text NOT NULL, body text NOT NULL, sent_at double precision NOT NULL, deliveries integer NOT NULL DEFAULT 0,
     claimed_by text, claimed_until double precision);
   CREATE INDEX bus_messages_by_lane ON @bus_messages (group_pk, lane, pk);`,
  // The new name of the column stops older processes, which rely on the foreign keys and on a row at the end of each log.
  // Locks replace both.
  `ALTER TABLE @artifacts RENAME more TO details; DELETE FROM @artifacts WHERE uid IS NULL;
   ALTER TABLE @artifacts DROP CONSTRAINT artifacts_shard_pk_fkey, ALTER uid SET NOT NULL, ALTER details SET NOT NULL;
   ALTER TABLE @shards DROP CONSTRAINT shards_task_id_fkey;
   ALTER TABLE @bus_messages DROP CONSTRAINT bus_messages_group_pk_fkey;
   DROP INDEX @artifacts_by_uid; CREATE UNIQUE INDEX artifacts_by_uid ON @artifacts (shard_pk, generation, uid);
   DROP INDEX @artifacts_by_origin;
   CREATE INDEX artifacts_by_origin ON @artifacts (shard_pk, generation, origin_source, seq);`,
];

/** The layout that this version reads and writes. */
export const latestLayout = migrations.length;

/** @throws FlowError `STORE_VERSION` for a schema of a newer layout */
export function checkLayout(version: number, schema: string): void {
  if (version <= latestLayout) return;
  const why = `has layout ${version}, this version of flowkit supports layouts up to ${latestLayout}: update flowkit`;
  throw new FlowError("STORE_VERSION", `the PostgreSQL schema ${schema} ${why}`);
}

type Query = (text: string, values?: unknown[]) => Promise<QueryResult>;

/** The first key of the advisory lock, which identifies this program; the second identifies the schema. */
const lockClass = 0x464c4f57;

/**
 * Creates the tables of a new schema, or migrates an older one. Several processes may call it at once: one migrates, the
 * others wait for it.
 *
 * @param schema - quoted
 * @throws FlowError `STORE_VERSION` for a schema of a newer layout
 */
export async function migrate(query: Query, schema: string): Promise<void> {
  await query("BEGIN ISOLATION LEVEL READ COMMITTED");
  try {
    await query("SELECT pg_advisory_xact_lock($1, hashtext($2))", [lockClass, schema]);
    // `CREATE SCHEMA IF NOT EXISTS` requires the privilege to create a schema even if it exists.
    const { rows } = await query("SELECT to_regnamespace($1) IS NULL AS missing", [schema]);
    if (rows[0].missing) await query(`CREATE SCHEMA ${schema}`);
    await query(`CREATE TABLE IF NOT EXISTS ${schema}.layout (version integer NOT NULL)`);
    const known = await query(`SELECT max(version) AS version FROM ${schema}.layout`);
    const version: number = known.rows[0].version ?? 0;
    checkLayout(version, schema);
    for (const statements of migrations.slice(version)) await query(statements.replaceAll("@", `${schema}.`));
    if (version < latestLayout) await query(`INSERT INTO ${schema}.layout VALUES (${latestLayout})`);
    await query("COMMIT");
  } catch (error) {
    await query("ROLLBACK").catch(() => {}); // the first error is the cause
    throw error;
  }
}
