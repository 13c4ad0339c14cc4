import { expect, onTestFinished, test } from "vitest";
import { MemoryState, memoryStore } from "../../src/adapters/memory/index.ts";
import type { Message } from "../../src/core/messages/messages.ts";
import { PlanCache } from "../../src/core/plan/index.ts";
import type { Bus, Clock, Store, SubscribeOptions } from "../../src/core/ports/index.ts";
import { StartLog } from "../../src/core/resilience/supervisor.ts";
import { defaultWorkerLimits } from "../../src/core/worker/attempt/worker-options.ts";
import { AppendSignals } from "../../src/core/worker/input/append-signals.ts";
import { WorkerCore } from "../../src/core/worker/worker-core.ts";
import { silentLogger } from "../../src/definitions/index.ts";
import { FlowError } from "../../src/errors/index.ts";
import { node, parsed } from "../helpers/graphs.ts";
import { handler } from "../helpers/handlers.ts";
import { Gate, until } from "../helpers/waiting.ts";

/* Races of a worker, step by step. */

/** Stopped time: a poller checks once and then never again. */
const stillClock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: (_ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) resolve();
      else signal?.addEventListener("abort", () => resolve(), { once: true });
    }),
  yield: () => new Promise((resolve) => setImmediate(resolve)),
};

/** Delivers messages from the test. */
class HandBus implements Bus {
  readonly #handlers: SubscribeOptions[] = [];
  readonly published: Message[] = [];
  publish = async (_topic: string, _key: string, message: Message) => void this.published.push(message);
  close = async () => {};
  subscribe = async (options: SubscribeOptions) => {
    this.#handlers.push(options);
    return { close: async () => {} };
  };
  async command(nodeId: string, taskId = "t"): Promise<void> {
    const commands = this.#handlers.find(({ topics }) => topics.includes("cmd.job.v1"));
    const attempt = { taskId, nodeId, shard: 0, epoch: 1, type: "job" };
    await commands?.handle({ kind: "TASK_START", ...attempt, cancelToken: "c" });
  }
}

/** A worker on its own store with a task of several nodes, and hooks that block it. */
async function workerOf(options: {
  readonly capacity: number;
  readonly nodes: readonly string[];
  /** Each node but the first comes after the one before it, or all of them come after the first. */
  readonly shape?: "chain" | "fan";
  /** When the task starts. @defaultValue at once */
  readonly startInMs?: number;
  /** A node of the other type, of which one may run at once. */
  readonly other?: string;
  readonly gates: readonly Gate[];
  readonly processBatch?: (nodeId: string) => Promise<void>;
  /** Before the store call. */
  readonly beforeClaim?: (nodeId: string) => Promise<void>;
  /** After the response of a queue scan. */
  readonly afterPeek?: () => Promise<void>;
  /** Between the end of a wait and its continuation. */
  readonly beforeWaking?: () => Promise<void>;
}) {
  const { capacity, nodes, shape, startInMs, other, gates, processBatch, beforeClaim, afterPeek, beforeWaking } =
    options;
  const store = memoryStore({ state: new MemoryState() });
  const claims: string[] = [];
  const seen = { looks: 0, reads: 0, ms: 0 };
  const slowly: Pick<Store, "claim" | "completeAndClaim" | "peekQueue" | "readArtifacts" | "release"> = {
    readArtifacts: (...asked) => {
      seen.reads++;
      return store.readArtifacts(...asked);
    },
    completeAndClaim: (attempt, outcome, next) => {
      if (next !== undefined) claims.push(next.ref.nodeId);
      return store.completeAndClaim(attempt, outcome, next);
    },
    claim: async (ref, by) => {
      claims.push(ref.nodeId);
      await beforeClaim?.(ref.nodeId);
      return store.claim(ref, by);
    },
    peekQueue: async (...asked) => {
      const queued = await store.peekQueue(...asked);
      await afterPeek?.();
      seen.looks++;
      return queued;
    },
    release: async (...asked) => {
      // Takes a turn of the event loop, as a database does: a loop of promises alone never ends.
      await stillClock.yield();
      return store.release(...asked);
    },
  };
  const workersStore = new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(name in slowly ? slowly : target, name);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });
  const handlers = ["job", "other"].map((type) =>
    handler(type, {
      processBatch: async (_payload, ctx) => {
        await processBatch?.(ctx.nodeId);
        return null;
      },
    }),
  );
  const clock: Clock = {
    ...stillClock,
    monotonic: () => seen.ms,
    async sleep(ms, signal) {
      if (signal?.aborted) return;
      await stillClock.sleep(ms, signal);
      await beforeWaking?.();
    },
  };
  const bus = new HandBus();
  let id = 0;
  const worker = new WorkerCore({
    workerId: "worker",
    store: workersStore,
    bus,
    clock,
    ids: { next: () => String(++id) },
    random: () => 0.5,
    logger: silentLogger,
    handlers: new Map(handlers.map((each) => [each.name, each])),
    functions: undefined,
    inputAdapters: new Map(),
    plans: new PlanCache(),
    starts: new StartLog(silentLogger, 0),
    signals: new AppendSignals(),
    limits: { ...defaultWorkerLimits, capacity, capacityPerType: { other: 1 }, starveMs: 1_000 },
  });
  onTestFinished(async () => {
    for (const gate of gates) gate.open(); // even if the test failed earlier
    await worker.stop({ graceMs: 0 });
  });
  await worker.start();
  const parentsOf = (index: number) =>
    shape === "chain"
      ? nodes.slice(Math.max(0, index - 1), index)
      : shape === "fan" && index > 0
        ? nodes.slice(0, 1)
        : [];
  const typeOf = (nodeId: string) => (nodeId === other ? "other" : "job");
  const graph = parsed(...nodes.map((nodeId, index) => node(nodeId, parentsOf(index), { type: typeOf(nodeId) })));
  await store.createTask({
    id: "t",
    graph,
    params: {},
    priority: 0,
    ...(startInMs === undefined ? {} : { startInMs }),
  });
  const dispatch = (nodeId: string) =>
    store.dispatch({ taskId: "t", nodeId, shard: 0 }, { type: typeOf(nodeId), priority: 0 });
  const finished = (nodeId: string) =>
    until(async () => (await store.readShards("t", [nodeId]))[0]?.status === "finished", `the end of ${nodeId}`);
  return { worker, store, bus, claims, seen, dispatch, finished };
}

test("a command dropped for a claim that fails is not forgotten", async () => {
  const slow = new Gate();
  const { store, bus, claims, dispatch, finished } = await workerOf({
    capacity: 1,
    nodes: ["first", "second"],
    gates: [slow],
    beforeClaim: async (nodeId) => void (nodeId === "first" && (await slow.pass())),
  });
  for (const nodeId of ["first", "second"]) await dispatch(nodeId);

  await bus.command("first");
  await until(() => claims.includes("first"));
  await store.claim(
    { taskId: "t", nodeId: "first", shard: 0, epoch: 1 },
    { workerId: "faster", claimId: "faster", leaseMs: 60_000 },
  );
  await bus.command("second"); // the pending claim has the only slot
  expect(claims).toEqual(["first"]);
  slow.open();

  await finished("second");
});

test("a command that arrives during a queue scan is not forgotten", async () => {
  const slow = new Gate();
  const { bus, seen, dispatch, finished } = await workerOf({
    capacity: 1,
    nodes: ["job"],
    gates: [slow],
    afterPeek: () => slow.pass(),
  });
  await until(() => slow.arrived === 1); // it found nothing
  await dispatch("job");
  await bus.command("job");
  expect(seen.looks).toBe(0);
  slow.open();

  await finished("job");
});

test("a command and a queue scan for the same attempt claim it once", async () => {
  const [work, slow] = [new Gate(), new Gate()];
  const { bus, claims, seen, dispatch, finished } = await workerOf({
    capacity: 2,
    nodes: ["first", "second"],
    gates: [work, slow],
    processBatch: async (nodeId) => void (nodeId === "first" && (await work.pass())),
    beforeClaim: async (nodeId) => void (nodeId === "second" && (await slow.pass())),
  });
  await until(() => seen.looks === 1);
  for (const nodeId of ["first", "second"]) await dispatch(nodeId);
  await bus.command("first");
  await until(() => work.arrived === 1);
  await bus.command("second");
  await until(() => slow.arrived === 1);
  work.open();
  await finished("first"); // the end of an attempt triggers a queue scan, which finds the second one
  await until(() => seen.looks === 2);
  await stillClock.yield();
  slow.open();

  await finished("second");
  expect(claims).toEqual(["first", "second"]);
});

/** A chain of nodes, which a worker with one slot runs without a coordinator, and another task's node that waits. */
async function besideAChain({ isCommanded = true, lastsMs = 0 }) {
  const work = new Gate();
  const nodes = Array.from({ length: 40 }, (_, index) => `n${index}`);
  const parts = await workerOf({
    capacity: 1,
    nodes,
    shape: "chain",
    gates: [work],
    processBatch: async (nodeId) => {
      if (nodeId !== "n0") return;
      await work.pass();
      parts.seen.ms += lastsMs;
    },
  });
  const { store, bus, seen, dispatch } = parts;
  await until(() => seen.looks === 1);
  await dispatch("n0");
  await bus.command("n0");
  await until(() => work.arrived === 1);
  await store.createTask({ id: "other", graph: parsed(node("other", [], { type: "job" })), params: {}, priority: 0 });
  await store.dispatch({ taskId: "other", nodeId: "other", shard: 0 }, { type: "job", priority: 0 });
  if (isCommanded) await bus.command("other", "other");
  work.open();
  await until(async () => (await store.readShards("other"))[0]?.status === "finished", "the end of the other node");
  return { ...parts, nodes };
}

test("the children of a node are handed what it has stored", async () => {
  const { bus, seen, dispatch, finished } = await workerOf({
    capacity: 2,
    nodes: ["n0", "n1", "n2"],
    shape: "fan",
    gates: [],
  });
  await until(() => seen.looks === 1);
  for (const nodeId of ["n0", "n1", "n2"]) {
    await dispatch(nodeId);
    await bus.command(nodeId);
    await finished(nodeId);
  }
  expect(seen.reads).toBe(0);
});

test("a worker goes on with the next node of a task, and asks neither the queue nor a log", async () => {
  let looked = 0;
  const { bus, seen, claims, finished, dispatch } = await workerOf({
    capacity: 1,
    nodes: ["n0", "n1", "n2", "n3"],
    shape: "chain",
    gates: [],
    processBatch: async (nodeId) => {
      if (nodeId === "n1") seen.ms += 100;
      if (nodeId === "n3") looked = seen.looks;
    },
  });
  await until(() => seen.looks === 1);
  await dispatch("n0");
  await bus.command("n0");

  await finished("n3");
  expect(claims).toEqual(["n0", "n1", "n2", "n3"]);
  expect(looked).toBe(1);
  expect(seen.reads).toBe(0); // each node was handed what the one before it had stored
  await until(() => bus.published.length === 2);
  // It announces the nodes in a row from time to time.
  const done = bus.published.filter(({ kind }) => kind === "TASK_DONE");
  expect(done).toMatchObject([{ nodeId: "n1", continuesWith: "n2" }, { nodeId: "n3" }]);
  expect(done.at(-1)).not.toHaveProperty("continuesWith");
});

test("a worker does not go on in a task that starts later: its signal may have come before", async () => {
  const { bus, seen, claims, finished, dispatch, store } = await workerOf({
    capacity: 1,
    nodes: ["n0", "n1"],
    shape: "chain",
    startInMs: 60_000,
    gates: [],
  });
  await until(() => seen.looks === 1);
  await dispatch("n0"); // as if woken
  await bus.command("n0");
  await finished("n0");
  await until(() => seen.looks === 2); // the slot is free again
  expect(claims).toEqual(["n0"]);
  expect(await store.readShards("t", ["n1"])).toEqual([]);
});

test("a slot that could not be passed on, because a coordinator was faster, is released", async () => {
  const work = new Gate();
  const { bus, seen, claims, finished, dispatch } = await workerOf({
    capacity: 2,
    nodes: ["n0", "n1"],
    shape: "chain",
    other: "n1",
    gates: [work],
    processBatch: async (nodeId) => void (nodeId === "n0" && (await work.pass())),
  });
  await until(() => seen.looks === 1);
  await dispatch("n0");
  await bus.command("n0");
  await until(() => work.arrived === 1);
  await dispatch("n1");
  work.open();

  await finished("n1");
  expect(claims).toEqual(["n0", "n1", "n1"]);
});

test("a long chain leaves its slot to a node that this worker has not heard of", async () => {
  const { claims, nodes } = await besideAChain({ isCommanded: false, lastsMs: 10_000 });
  expect(claims).toEqual([...nodes.slice(0, 17), "other"]);
});

test("a long chain keeps its slot while nothing is queued", async () => {
  const nodes = Array.from({ length: 40 }, (_, index) => `n${index}`);
  const { bus, seen, claims, finished, dispatch } = await workerOf({ capacity: 1, nodes, shape: "chain", gates: [] });
  await until(() => seen.looks === 1);
  await dispatch("n0");
  await bus.command("n0");
  await finished("n39");
  expect(claims).toEqual(nodes);
});

test("a long chain does not look at the queue while its worker has a free slot", async () => {
  const nodes = Array.from({ length: 40 }, (_, index) => `n${index}`);
  const looks: number[] = [];
  const { bus, seen, finished, dispatch } = await workerOf({
    ...{ capacity: 2, nodes, shape: "chain", gates: [] },
    processBatch: async () => void looks.push(seen.looks),
  });
  await until(() => seen.looks === 1);
  await dispatch("n0");
  await bus.command("n0");
  await finished("n39");
  expect(looks).toEqual(nodes.map(() => 1));
});

test("a node of a long chain ends even if the queue cannot be read", async () => {
  const nodes = Array.from({ length: 20 }, (_, index) => `n${index}`);
  let isGone = false;
  const { bus, seen, claims, finished, dispatch } = await workerOf({
    ...{ capacity: 1, nodes, shape: "chain", gates: [] },
    processBatch: async (nodeId) => {
      isGone ||= nodeId === "n16";
    },
    afterPeek: async () => {
      if (isGone) throw new FlowError("STORE_UNAVAILABLE", "gone", { retryable: false });
    },
  });
  await until(() => seen.looks === 1);
  await dispatch("n0");
  await bus.command("n0");
  await finished("n16");
  expect(claims).toEqual(nodes.slice(0, 17));
});

test("a node whose command has come waits for a chain of short nodes only", async () => {
  const short = await besideAChain({ lastsMs: 499 });
  expect(short.claims).toEqual([...short.nodes.slice(0, 17), "other"]);
  const long = await besideAChain({ lastsMs: 500 });
  expect(long.claims).toEqual(["n0", "other"]);
});

test("a worker that stops waits for an attempt claimed after all others had ended", async () => {
  const [work, slow] = [new Gate(), new Gate()];
  const { worker, store, bus, dispatch, finished } = await workerOf({
    capacity: 2,
    nodes: ["first", "second"],
    gates: [work, slow],
    processBatch: async (nodeId) => void (nodeId === "first" && (await work.pass())),
    beforeClaim: async (nodeId) => void (nodeId === "second" && (await slow.pass())),
    beforeWaking: async () => {
      slow.open();
      await stillClock.yield();
    },
  });
  for (const nodeId of ["first", "second"]) {
    await dispatch(nodeId);
    await bus.command(nodeId);
  }
  await until(() => work.arrived === 1 && slow.arrived === 1);
  const stopped = worker.stop({ graceMs: 1_000 });
  await stillClock.yield(); // it waits for the first one
  work.open();
  await finished("first");
  await stopped;

  expect(worker.running).toBe(0);
  expect(await store.readShards("t", ["second"])).toMatchObject([{ status: "deferred", lost: 0 }]); // it was released
});
