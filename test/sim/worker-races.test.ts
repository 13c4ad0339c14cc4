import { expect, onTestFinished, test } from "vitest";
import { MemoryState, memoryStore } from "../../src/adapters/memory/index.ts";
import { silentLogger } from "../../src/definitions/index.ts";
import { PlanCache } from "../../src/engine/planner/index.ts";
import type { Bus, Clock, Store, SubscribeOptions } from "../../src/engine/ports/index.ts";
import { AppendSignals } from "../../src/engine/worker/append-signals.ts";
import { WorkerCore } from "../../src/engine/worker/worker-core.ts";
import { defaultWorkerLimits } from "../../src/engine/worker/worker-options.ts";
import { node, parsed } from "../helpers/graphs.ts";
import { handler } from "../helpers/handlers.ts";
import { Gate, until } from "../helpers/waiting.ts";

/* Races of a worker that the simulation found, a step at a time. */

/** Time stands still: whoever polls has looked once, and looks no more. */
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

/** Delivers what the test hands it. */
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

test("a command dropped for a claim that fails is not forgotten", async () => {
  const state = new MemoryState();
  const store = memoryStore({ state });
  const slow = new Gate();
  const claims: string[] = [];
  const claim: Store["claim"] = async (ref, by) => {
    claims.push(ref.nodeId);
    if (ref.nodeId === "first") await slow.pass();
    return store.claim(ref, by);
  };
  const workersStore = new Proxy(store, {
    get(target, name) {
      const method: unknown = name === "claim" ? claim : Reflect.get(target, name);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });
  const bus = new HandBus();
  let id = 0;
  const worker = new WorkerCore({
    workerId: "worker",
    store: workersStore,
    bus,
    clock: stillClock,
    ids: { next: () => String(++id) },
    random: () => 0.5,
    logger: silentLogger,
    handlers: new Map([["job", handler("job")]]),
    functions: undefined,
    inputAdapters: new Map(),
    plans: new PlanCache(),
    signals: new AppendSignals(),
    limits: { ...defaultWorkerLimits, capacity: 1, starveMs: 1_000 },
  });
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  await worker.start();
  const graph = parsed(node("first", [], { type: "job" }), node("second", [], { type: "job" }));
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  for (const nodeId of ["first", "second"]) {
    await store.dispatch({ taskId: "t", nodeId, shard: 0 }, { type: "job", priority: 0 });
  }

  await bus.command("first");
  await until(() => claims.includes("first"));
  await store.claim(
    { taskId: "t", nodeId: "first", shard: 0, epoch: 1 },
    { workerId: "faster", claimId: "faster", leaseMs: 60_000 },
  );
  await bus.command("second"); // the only slot is held by the claim under way
  expect(claims).toEqual(["first"]);
  slow.open();

  const statusOfSecond = async () => (await store.readShards("t", ["second"]))[0]?.status;
  await until(async () => (await statusOfSecond()) === "finished", "the second job's end");
});
