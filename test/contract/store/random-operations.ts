import * as fc from "fast-check";
import type { Attempt, CarriedOutput, EpochRef, ShardRef } from "../../../src/core/model/records.ts";
import type { Answer, Store } from "../../../src/core/ports/index.ts";
import { artifactOf, failureOf, newTask } from "./fixture.ts";

/*
 * Random sequences of all operations of a store over so few records that they interact: three tasks with two nodes of
 * two shards each. Arguments that depend on the state (a claimed attempt, the next seq of a log) are drawn as an offset
 * and looked up in a reference store.
 */

/** The state of a sequence. */
export interface Progress {
  /** The store used to look up the current state. */
  readonly model: Store;
  /** All requested claims, whether won or not. */
  readonly attempts: Attempt[];
}

/** One operation, called on every store. */
export interface Operation {
  /** Resolves state-dependent arguments; called once, before the calls. */
  readonly prepare: (progress: Progress) => Promise<(store: Store) => Answer<unknown>>;
  /** The order of the answer is not significant. */
  readonly unordered?: true;
  readonly toString: () => string;
}

export const taskIds = ["t1", "t2", "t3"] as const;
export const nodeIds = ["extract", "clean"] as const;
export const types = ["extractor", "cleaner"] as const;
/** Higher than any number of results. */
export const all = 1_000;

const taskId = fc.constantFrom(...taskIds);
const few = fc.nat({ max: 3 });
const durationMs = fc.constantFrom(0, 5, 50, 400);
const offset = fc.constantFrom(0, 0, 0, 0, 1, -1);
const shard: fc.Arbitrary<ShardRef> = fc.record({
  taskId,
  nodeId: fc.constantFrom(...nodeIds),
  shard: fc.nat({ max: 1 }),
});
const json = fc.constantFrom(null, 1, "text", ["é", { a: 1.5 }], {});
const metrics = fc.constantFrom({}, { rows: 2 }, { rows: 0.1, ms: 7 });
const type = fc.constantFrom(...types);
const generation = fc.constantFrom(0, 0, 0, 1, 2);

/** The current epoch of the shard, or sometimes another one. */
const epochOf = async ({ model }: Progress, ref: ShardRef, by: number): Promise<EpochRef> => {
  const record = (await model.readShards(ref.taskId, [ref.nodeId])).find(({ shard: number }) => number === ref.shard);
  return { ...ref, epoch: Math.max(1, (record?.epoch ?? 1) + by) };
};

/** One of the latest claims, most likely the newest. */
const pickAttempt = ({ attempts }: Progress, back: number): Attempt =>
  attempts.at(-1 - Math.min(back, attempts.length - 1)) ?? {
    taskId: "t1",
    nodeId: "extract",
    shard: 0,
    epoch: 1,
    claimId: "never made",
  };

const back = fc.constantFrom(0, 0, 0, 0, 1, 2, 3, 5, 8);

type Call = (store: Store) => Answer<unknown>;

/** An operation with drawn arguments only. */
const plain = <T>(args: fc.Arbitrary<T>, name: string, call: (store: Store, args: T) => Promise<unknown>) =>
  args.map(
    (drawn): Operation => ({
      prepare: async () => (store) => call(store, drawn),
      toString: () => `${name} ${JSON.stringify(drawn)}`,
    }),
  );

const found = <T>(args: fc.Arbitrary<T>, name: string, prepare: (progress: Progress, args: T) => Promise<Call>) =>
  args.map(
    (drawn): Operation => ({
      prepare: (progress) => prepare(progress, drawn),
      toString: () => `${name} ${JSON.stringify(drawn)}`,
    }),
  );

/** An operation of an attempt. */
const byAttempt = <T>(
  args: fc.Arbitrary<T>,
  name: string,
  call: (store: Store, attempt: Attempt, args: T) => Promise<unknown>,
) =>
  found(fc.record({ back, args }), name, async (progress, drawn) => {
    const attempt = pickAttempt(progress, drawn.back);
    return (store) => call(store, attempt, drawn.args);
  });

/** The carried entries of a shard in a retry. */
const carried: CarriedOutput = {
  log: { taskId: "t1", nodeId: "extract", shard: 0, generation: 1, length: 2, aside: 1 },
  sourceGens: { "extract/0": 1 },
  checkpoint: { row: 2 },
  checkpointIndex: 2,
};

const tasks = [
  plain(
    fc.record({
      id: taskId,
      more: fc.record(
        {
          idempotencyKey: fc.constantFrom("k1", "k2"),
          priority: fc.constantFrom(0, 0, 5),
          deadlineMs: durationMs,
          borrowsFrom: fc.constantFrom(["t1"], ["t2", "t3"]),
          params: fc.constantFrom({}, { day: "é" }),
          vars: fc.constantFrom({ vars: { n: 1 }, appliedBy: ["old"] }),
        },
        { requiredKeys: [] },
      ),
    }),
    "createTask",
    (store, { id, more }) => store.createTask(newTask(id, more)),
  ),
  plain(taskId, "finishTask", (store, id) => store.finishTask(id)),
  plain(taskId, "failTask", (store, id) => store.failTask(id, failureOf())),
  plain(fc.record({ id: taskId, all: fc.boolean() }), "cancelTask", (store, { id, all }) =>
    store.cancelTask(id, "enough", all),
  ),
  plain(fc.record({ taskId, paused: fc.boolean() }), "pauseTask", (store, drawn) =>
    store.pauseTask(drawn.taskId, drawn.paused),
  ),
  plain(
    fc.record({
      taskId,
      nodeId: fc.constantFrom(...nodeIds),
      id: fc.constantFrom("s1", "s2"),
      payload: fc.option(json, { nil: undefined }),
    }),
    "signalTask",
    (store, { taskId: of, nodeId, id, payload }) =>
      store.signalTask(of, { nodeId, id, ...(payload === undefined ? {} : { payload }) }),
  ),
  plain(taskId, "closeTask", (store, id) => store.closeTask(id)),
  plain(taskId, "deleteTask", (store, id) => store.deleteTask(id)),
  // Rarely drawn one after another; exposes stale caches.
  plain(taskId, "finish and delete", async (store, id) => [await store.finishTask(id), await store.deleteTask(id)]),
  plain(fc.constantFrom([0, 0], [5, 0], [50, 40], [400, 0], [400, 399]), "dueTasks", async (store, [every, ahead]) =>
    (await store.dueTasks(all, every as number, ahead)).toSorted(),
  ),
  found(
    fc.record({ taskId, offset, vars: fc.constantFrom({}, { n: 2 }), appliedBy: fc.constantFrom("a", "b", "c") }),
    "writeVars",
    async ({ model }, drawn) => {
      const version = ((await model.readVars(drawn.taskId))?.version ?? 0) + drawn.offset;
      return (store) => store.writeVars(drawn.taskId, { version, vars: drawn.vars, appliedBy: drawn.appliedBy });
    },
  ),
] as const;

const coordinators = [
  plain(
    fc.record({
      shard,
      init: fc.record({
        type,
        priority: few,
        delayMs: fc.constantFrom(0, 0, 0, 5, 50, Number.POSITIVE_INFINITY),
        carried: fc.constantFrom(undefined, carried),
      }),
    }),
    "dispatch",
    (store, { shard: ref, init }) => store.dispatch(ref, init),
  ),
  found(fc.record({ shard, from: shard, type }), "adopt", async ({ model }, drawn) => {
    const records = await model.readShards(drawn.from.taskId, [drawn.from.nodeId]);
    const ended = records.find(({ status }) => status === "finished" || status === "skipped");
    if (ended === undefined) return async () => undefined;
    return (store) => store.adopt(drawn.shard, { type: drawn.type, priority: 0, ended });
  }),
  plain(fc.record({ shard, type, priority: few }), "skip", (store, { shard: ref, ...init }) => store.skip(ref, init)),
  plain(shard, "closeFailed", (store, ref) => store.closeFailed(ref)),
  plain(
    fc.record({ shard, init: fc.record({ type, graceMs: durationMs, carried: fc.constantFrom(undefined, carried) }) }),
    "cancelShard",
    (store, drawn) => store.cancelShard(drawn.shard, drawn.init),
  ),
  found(fc.record({ shard, offset, maxLost: few }), "expire", async (progress, drawn) => {
    const ref = await epochOf(progress, drawn.shard, drawn.offset);
    return (store) => store.expire(ref, drawn.maxLost);
  }),
  found(fc.record({ shard, offset }), "requeue", async (progress, drawn) => {
    const ref = await epochOf(progress, drawn.shard, drawn.offset);
    return (store) => store.requeue(ref);
  }),
  found(fc.record({ shard, offset }), "wake", async (progress, drawn) => {
    const ref = await epochOf(progress, drawn.shard, drawn.offset);
    return (store) => store.wake(ref);
  }),
  plain(shard, "pauseShard", (store, ref) => store.pauseShard(ref)),
  plain(shard, "resumeShard", (store, ref) => store.resumeShard(ref)),
  found(fc.record({ shard, offset }), "supersede", async (progress, drawn) => {
    const ref = await epochOf(progress, drawn.shard, drawn.offset);
    return (store) => store.supersede(ref);
  }),
] as const;

const claim = found(
  fc.record({ shard, offset, again: fc.constantFrom(false, false, false, true), leaseMs: durationMs }),
  "claim",
  async (progress, drawn) => {
    const ref = await epochOf(progress, drawn.shard, drawn.offset);
    const { attempts } = progress;
    const claimId = drawn.again ? pickAttempt(progress, 0).claimId : `c${attempts.length}`;
    attempts.push({ ...ref, claimId });
    return (store) => store.claim(ref, { workerId: "w", claimId, leaseMs: drawn.leaseMs });
  },
);

const dispatchClaimed = found(
  fc.record({ shard, type, again: fc.constantFrom(false, false, false, true), leaseMs: durationMs }),
  "dispatchClaimed",
  async (progress, drawn) => {
    const { attempts } = progress;
    const claimId = drawn.again ? pickAttempt(progress, 0).claimId : `c${attempts.length}`;
    attempts.push({ ...drawn.shard, epoch: 1, claimId });
    const by = { workerId: "w", claimId, leaseMs: drawn.leaseMs };
    return (store) => store.dispatchClaimed({ ref: drawn.shard, init: { type: drawn.type, priority: 0 }, by });
  },
);

/** Creates shards often enough that attempts have work. */
const begin = found(fc.record({ shard, leaseMs: durationMs }), "begin", async (progress, drawn) => {
  const claimId = `c${progress.attempts.length}`;
  const ref = await epochOf(progress, drawn.shard, 0);
  progress.attempts.push({ ...ref, claimId });
  return async (store) => [
    await store.createTask(newTask(ref.taskId)),
    await store.dispatch(ref, { type: "extractor", priority: 0 }),
    await store.claim(ref, { workerId: "w", claimId, leaseMs: drawn.leaseMs }),
  ];
});

/** An attempt ends with the current output of its shard: any other would be from before a restart of the attempt itself. */
async function ownGeneration(model: Store, { taskId, nodeId, shard }: Attempt): Promise<number> {
  const records = await model.readShards(taskId, [nodeId]);
  return records.find((record) => record.shard === shard)?.generation ?? 0;
}

const append = found(
  fc.record({
    back,
    generation,
    offset,
    uid: fc.constantFrom(undefined, undefined, undefined, "u0", "other"),
    metrics,
    meta: json,
    isAside: fc.constantFrom(false, false, true),
  }),
  "append",
  async (progress, drawn) => {
    const attempt = pickAttempt(progress, drawn.back);
    const { length } = await progress.model.tail(attempt, drawn.generation);
    const seq = Math.max(0, length + drawn.offset);
    const origin = {
      ...{ source: seq % 2 === 0 ? "a/0" : "b/1", seq, chunk: seq % 3 },
      ...(seq % 3 === 0 ? {} : { to: [seq + 1, 0] as const, open: [[0, seq]] as const }),
      ...(seq % 5 === 0 ? {} : { place: [1, seq] }),
      ...(drawn.isAside ? { aside: 1 + seq } : {}),
    };
    const failure = drawn.isAside ? { failure: { reasonCode: "refused", message: "é", tries: 2 } } : {};
    const { meta, metrics: measured, uid = `u${seq}` } = drawn;
    const artifact = artifactOf(seq, { uid, origin, meta, metrics: measured, ...failure });
    return (store) => store.append(attempt, drawn.generation, artifact);
  },
);

const workers = [
  claim,
  dispatchClaimed,
  begin,
  append,
  found(
    fc.record({ backs: fc.array(back, { maxLength: 3 }), leaseMs: durationMs }),
    "renew",
    async (progress, drawn) => {
      const attempts = drawn.backs.map((each) => pickAttempt(progress, each));
      return (store) => store.renew(attempts, drawn.leaseMs);
    },
  ),
  byAttempt(fc.record({ generation, sourceGens: fc.constantFrom({}, { "a/0": 1 }) }), "restart", (store, attempt, to) =>
    store.restart(attempt, to),
  ),
  byAttempt(
    fc.record(
      {
        generation,
        n: fc.integer({ min: 1, max: 6 }),
        checkpoint: json,
        tries: fc.constantFrom({ u: { failed: 1, delayMs: 7 } }, {}),
        cursors: fc.constantFrom({ "a/0": 3 }, { "a/0": 2, "b/0": 1 }, {}),
        progress: fc.constantFrom({ done: 1 }, { done: 2, total: 3 }),
      },
      { requiredKeys: ["generation", "n"] },
    ),
    "report",
    (store, attempt, report) => store.report(attempt, report),
  ),
  found(
    fc.record({
      ...{ back, offset },
      more: fc.record({ result: json, metrics, failedBatches: fc.constantFrom(1, 2) }, { requiredKeys: [] }),
    }),
    "complete",
    async (progress, drawn) => {
      const attempt = pickAttempt(progress, drawn.back);
      const of = await ownGeneration(progress.model, attempt);
      const { length } = await progress.model.tail(attempt, of);
      const count = Math.max(0, length + drawn.offset);
      return (store) => store.complete(attempt, { generation: of, count, ...drawn.more });
    },
  ),
  found(
    fc.record({
      ...{ back, offset, shard, type, leaseMs: durationMs },
      uid: fc.constantFrom(undefined, undefined, "u0"),
      hasLast: fc.boolean(),
      hasNext: fc.boolean(),
    }),
    "completeAndClaim",
    async (progress, drawn) => {
      const { attempts, model } = progress;
      const { uid, hasLast, hasNext } = drawn;
      const attempt = pickAttempt(progress, drawn.back);
      const of = await ownGeneration(model, attempt);
      const { length } = await model.tail(attempt, of);
      const count = Math.max(hasLast ? 1 : 0, length + drawn.offset + (hasLast ? 1 : 0));
      const last = hasLast ? artifactOf(count - 1, uid === undefined ? {} : { uid }) : undefined;
      const claimId = `c${attempts.length}`;
      if (hasNext) attempts.push({ ...drawn.shard, epoch: 1, claimId });
      const by = { workerId: "w", claimId, leaseMs: drawn.leaseMs };
      const next = { ref: drawn.shard, init: { type: drawn.type, priority: 0 }, by };
      return (store) => store.completeAndClaim(attempt, { generation: of, count, last }, hasNext ? next : undefined);
    },
  ),
  byAttempt(
    fc.record({ permanent: fc.constantFrom(false, false, true), delayMs: durationMs, maxFailures: few }),
    "fail",
    (store, attempt, how) => store.fail(attempt, { failure: failureOf({ epoch: attempt.epoch }), ...how }),
  ),
  byAttempt(durationMs, "release", (store, attempt, delayMs) => store.release(attempt, delayMs)),
  byAttempt(fc.constant({}), "confirmCancelled", (store, attempt) => store.confirmCancelled(attempt)),
] as const;

/** Values of drawn limits. */
export const limitKeys = ["all", "type:extractor"];
const key = fc.constantFrom(...limitKeys);
const id = fc.constantFrom("a", "b", "c");

const registries = [
  byAttempt(fc.record({ key, max: fc.constantFrom(1, 2) }), "takeSlot", (store, holder, limit) =>
    store.takeSlot(limit, holder),
  ),
  byAttempt(key, "freeSlot", (store, holder, name) => store.freeSlot({ key: name, holder })),
  plain(fc.record({ id, ttlMs: durationMs, running: few }), "announceWorker", (store, drawn) =>
    store.announceWorker({ id: drawn.id, types: ["extractor"], capacity: 2, running: drawn.running }, drawn.ttlMs),
  ),
  plain(id, "removeWorker", (store, drawn) => store.removeWorker(drawn)),
  plain(fc.record({ id, reason: fc.constantFrom("bad", "worse") }), "addDeadLetter", (store, drawn) =>
    store.addDeadLetter({ ...drawn, topic: "status", key: "k", body: "{" }),
  ),
  plain(id, "removeDeadLetter", (store, drawn) => store.removeDeadLetter(drawn)),
  plain(
    fc.record({ id, n: few, inMs: fc.option(durationMs), ttlMs: fc.option(durationMs) }),
    "updateEntry",
    (store, drawn) =>
      store.updateEntry({ kind: "schedule", id: drawn.id }, (known, now) => ({
        answer: known?.value,
        next: {
          value: { n: drawn.n },
          ...(drawn.inMs === null ? {} : { dueAt: now + drawn.inMs }),
          ...(drawn.ttlMs === null ? {} : { until: now + drawn.ttlMs }),
        },
      })),
  ),
  plain(id, "updateEntry", (store, drawn) =>
    store.updateEntry({ kind: "schedule", id: drawn }, (known) => ({ answer: known, next: null })),
  ),
] as const;

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: fc.oneof(...tasks) },
  { weight: 4, arbitrary: fc.oneof(...coordinators) },
  { weight: 8, arbitrary: fc.oneof(...workers) },
  { weight: 3, arbitrary: begin },
  { weight: 5, arbitrary: append },
  { weight: 2, arbitrary: fc.oneof(...registries) },
);
