import type { Attempt, Failure, ShardRecord, ShardRef } from "../../../src/core/model/records.ts";
import type { DispatchInit, NewArtifact, NewTask, Store } from "../../../src/core/ports/index.ts";
import type { Graph } from "../../../src/graph/index.ts";

/** What an implementation provides for the tests. */
export interface StoreHarness {
  /** Another open connection to the same data. */
  connect(): Promise<Store>;
  /** Lets at least this much of the store's time pass. */
  advance(ms: number): Promise<void>;
  /** Closes all connections and removes the data. */
  close(): Promise<void>;
}

/** A new, empty store. */
export interface StoreFixture {
  readonly store: Store;
  /** A connection to the same data, like that of another process. */
  readonly peer: Store;
  readonly advance: StoreHarness["advance"];
  readonly connect: StoreHarness["connect"];
}

export type StoreTest = (title: string, body: (fixture: StoreFixture) => Promise<void>) => void;

/*
 * Real stores take real time: a duration is either short enough to wait for, in which case tests must not rely on it
 * being pending, or so long that it never passes within a test.
 */
export const shortMs = 20;
export const longMs = 600_000;
export const pastShortMs = 40;

export const graph: Graph = {
  schema_version: "1.0",
  name: "etl",
  nodes: [
    { node_id: "extract", type: "extractor", depends_on: [] },
    { node_id: "clean", type: "cleaner", depends_on: ["extract"] },
    { node_id: "load", type: "loader", depends_on: ["clean"] },
  ],
  edges: [
    ["extract", "clean"],
    ["clean", "load"],
  ],
};

export const newTask = (id: string, more: Partial<NewTask> = {}): NewTask => ({
  id,
  graph,
  params: {},
  priority: 0,
  ...more,
});

export const shardOf = (nodeId = "extract", shard = 0, taskId = "t"): ShardRef => ({ taskId, nodeId, shard });

export const dispatchInit = (more: Partial<DispatchInit> = {}): DispatchInit => ({
  type: "extractor",
  priority: 0,
  ...more,
});

export const failureOf = (more: Partial<Failure> = {}): Failure => ({
  nodeId: "extract",
  reasonCode: "unexpected_error",
  message: "it broke",
  shard: 0,
  epoch: 1,
  ...more,
});

export const artifactOf = (seq: number, more: Partial<NewArtifact> = {}): NewArtifact => ({
  seq,
  uid: `u${seq}`,
  origin: { source: "", seq, chunk: 0 },
  meta: { row: seq },
  metrics: { rows: 1 },
  ...more,
});

/** The record of the shard; fails if there is none. */
export async function recordOf(store: Store, ref: ShardRef): Promise<ShardRecord> {
  const records = await store.readShards(ref.taskId, [ref.nodeId]);
  const record = records.find(({ shard }) => shard === ref.shard);
  if (record === undefined) throw new Error(`no record of ${ref.nodeId} shard ${ref.shard}`);
  return record;
}

/** A task `t` with a queued shard. */
export async function queuedShard(store: Store, ref: ShardRef = shardOf()): Promise<ShardRef & { epoch: number }> {
  await store.createTask(newTask(ref.taskId));
  await store.dispatch(ref, dispatchInit());
  return { ...ref, epoch: 1 };
}

let claims = 0;

/** Claims the queued shard. */
export async function claimed(store: Store, ref: ShardRef, leaseMs: number = longMs): Promise<Attempt> {
  const { epoch } = await recordOf(store, ref);
  const claimId = `claim-${++claims}`;
  const record = await store.claim({ ...ref, epoch }, { workerId: `worker-of-${claimId}`, claimId, leaseMs });
  if (record === undefined) throw new Error(`${ref.nodeId} shard ${ref.shard} cannot be claimed`);
  return { taskId: ref.taskId, nodeId: ref.nodeId, shard: ref.shard, epoch, claimId };
}

export async function runningShard(store: Store, ref: ShardRef = shardOf(), leaseMs = longMs): Promise<Attempt> {
  await queuedShard(store, ref);
  return claimed(store, ref, leaseMs);
}

export async function cancellingShard(store: Store, ref: ShardRef = shardOf()): Promise<Attempt> {
  const attempt = await runningShard(store, ref);
  await store.cancelShard(ref, { type: "extractor", graceMs: longMs });
  return attempt;
}

/** Deferred by a release, due at once. */
export async function deferredShard(store: Store, ref: ShardRef = shardOf()): Promise<Attempt> {
  const attempt = await runningShard(store, ref);
  await store.release(attempt, 0);
  return attempt;
}

/** Ends the attempt by a release and claims the shard again, as another worker. */
export async function nextAttempt(store: Store, attempt: Attempt, leaseMs: number = longMs): Promise<Attempt> {
  await store.release(attempt, 0);
  await store.requeue(attempt);
  return claimed(store, attempt, leaseMs);
}

export const transientFailure = { failure: failureOf(), permanent: false, delayMs: 0, maxFailures: 3 } as const;

export async function appended(store: Store, attempt: Attempt, count: number, generation = 0): Promise<void> {
  for (let seq = 0; seq < count; seq++) await store.append(attempt, generation, artifactOf(seq));
}

/** Runs `calls` concurrently, alternating between the connections. */
export function competing<T>(
  { store, peer }: StoreFixture,
  calls: number,
  call: (store: Store, index: number) => Promise<T>,
): Promise<T[]> {
  return Promise.all(Array.from({ length: calls }, (_, index) => call(index % 2 === 0 ? store : peer, index)));
}
