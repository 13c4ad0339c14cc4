import { expect, onTestFinished, test } from "vitest";
import { MemoryState, memoryStore } from "../../src/adapters/memory/index.ts";
import { PlanCache } from "../../src/core/plan/index.ts";
import type { Bus, Clock, Store, SubscribeOptions } from "../../src/core/ports/index.ts";
import { defaultWorkerLimits } from "../../src/core/worker/attempt/worker-options.ts";
import { AppendSignals } from "../../src/core/worker/input/append-signals.ts";
import { WorkerCore } from "../../src/core/worker/worker-core.ts";
import { silentLogger } from "../../src/definitions/index.ts";
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
  publish = async () => {};
  close = async () => {};
  subscribe = async (options: SubscribeOptions) => {
    this.#handlers.push(options);
    return { close: async () => {} };
  };
  async command(nodeId: string): Promise<void> {
    const commands = this.#handlers.find(({ topics }) => topics.includes("cmd.job.v1"));
    const attempt = { taskId: "t", nodeId, shard: 0, epoch: 1, type: "job" };
    await commands?.handle({ kind: "TASK_START", ...attempt, cancelToken: "c" });
  }
}

/** A worker on its own store with a task of several nodes, and hooks that block it. */
async function workerOf(options: {
  readonly capacity: number;
  readonly nodes: readonly string[];
  readonly gates: readonly Gate[];
  readonly processBatch?: (nodeId: string) => Promise<void>;
  /** Before the store call. */
  readonly beforeClaim?: (nodeId: string) => Promise<void>;
  /** After the response of a queue scan. */
  readonly afterPeek?: () => Promise<void>;
  /** Between the end of a wait and its continuation. */
  readonly beforeWaking?: () => Promise<void>;
}) {
  const { capacity, nodes, gates, processBatch, beforeClaim, afterPeek, beforeWaking } = options;
  const store = memoryStore({ state: new MemoryState() });
  const claims: string[] = [];
  const seen = { looks: 0 };
  const slowly: Pick<Store, "claim" | "peekQueue" | "release"> = {
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
      // A turn of the event loop, as a database takes one: a loop of promises alone never lets it come.
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
  const job = handler("job", {
    processBatch: async (_payload, ctx) => {
      await processBatch?.(ctx.nodeId);
      return null;
    },
  });
  const clock: Clock = {
    ...stillClock,
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
    handlers: new Map([["job", job]]),
    functions: undefined,
    inputAdapters: new Map(),
    plans: new PlanCache(),
    signals: new AppendSignals(),
    limits: { ...defaultWorkerLimits, capacity, starveMs: 1_000 },
  });
  onTestFinished(async () => {
    for (const gate of gates) gate.open(); // even if the test failed earlier
    await worker.stop({ graceMs: 0 });
  });
  await worker.start();
  const graph = parsed(...nodes.map((nodeId) => node(nodeId, [], { type: "job" })));
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  const dispatch = (nodeId: string) => store.dispatch({ taskId: "t", nodeId, shard: 0 }, { type: "job", priority: 0 });
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
