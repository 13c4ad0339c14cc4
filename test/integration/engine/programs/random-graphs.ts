/*
 * Random graphs on several engines over one store and one bus, or, with `apart`, on coordinators and workers, with
 * failures, lost and repeated messages, failing store calls, and processes that stop and start, all drawn from a seed.
 * Checks the engine's guarantees at every write and the results against the plain evaluation.
 * `node random-graphs.ts rough 0 300 apart` runs seeds 0 to 299; prints one line per problem, then one line of JSON.
 * `calm` instead of `rough`: only handlers fail and there are no sweeps, so a lost wake-up that a sweep would repair shows
 * as a task that does not end.
 *
 * Timing is real, so a seed draws the same cluster but not the same interleaving.
 */
import { MemoryState, memoryBus, memoryStore } from "../../../../src/adapters/memory/index.ts";
import type { Bus, Store } from "../../../../src/core/ports/index.ts";
import { silentLogger } from "../../../../src/definitions/index.ts";
import { Coordinator } from "../../../../src/engine/coordinator.ts";
import { createEngine, type Engine } from "../../../../src/engine/engine.ts";
import { Worker } from "../../../../src/engine/worker.ts";
import { FlowError } from "../../../../src/errors/index.ts";
import { LawKeeper } from "../../../helpers/law-keeper.ts";
import { randomGraph } from "../../../helpers/random-graph.ts";
import { randomGraphHandlers } from "../../../helpers/random-graph-handlers.ts";
import { seededRandom } from "../../../helpers/seeded-random.ts";
import { misfits } from "../../../helpers/stored-results.ts";

const calm = process.argv[2] === "calm";
const [from, count] = process.argv.slice(3, 5).map(Number) as [number, number];
const apart = process.argv[5] === "apart";
const hourMs = 3_600_000;
type Planner = Engine | Coordinator;
const totals = { tasks: 0, finished: 0, retries: 0, restarts: 0, stops: 0, broken: 0 };

for (let seed = from; seed < from + count; seed++) {
  const broken = await runSeed(seed);
  totals.broken += broken.length;
  for (const what of broken) console.log(`seed ${seed}: ${what}`);
}
console.log(JSON.stringify(totals));

async function runSeed(seed: number): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const rate = () => (random() < 0.4 ? 0 : random() * 0.15);
  const fault = () => (calm ? 0 : rate());
  const rates = { handler: rate(), store: fault() / 5, lost: fault(), doubled: fault() };
  const state = new MemoryState();
  const keeper = new LawKeeper((taskId) => state.tasks.get(taskId)?.record.graph.nodes ?? []);
  const shared = memoryBus();
  const bus: Bus = {
    publish: async (topic, key, message) => {
      if (random() < rates.lost) return;
      await shared.publish(topic, key, message);
      if (random() < rates.doubled) await shared.publish(topic, key, message);
    },
    subscribe: (options) => shared.subscribe(options),
    close: async () => {},
  };
  const handlers = randomGraphHandlers({ random, failing: rates.handler, pause: perhapsLater(random) });
  const store = () => unreliable(memoryStore({ state, observe: keeper.observe }), random, rates.store);
  const common = () => ({ store: store(), bus, logger: silentLogger, leaseMs: 60_000, keepAlive: false }); // none may expire
  const attempts = () => ({ capacity: 1 + Math.floor(random() * 4), pageSize: 1 + Math.floor(random() * 4) });
  const timing = calm ? { tickMs: hourMs, sweepMs: hourMs } : { tickMs: 3, sweepMs: 15 };
  const names = handlers.map(({ name }) => name);
  const startPlanner = async (): Promise<Planner> => {
    if (!apart) return createEngine({ ...common(), ...attempts(), ...timing, handlers });
    const coordinator = new Coordinator({ ...common(), ...timing, workerTypes: names });
    await coordinator.start();
    return coordinator;
  };
  const startWorker = async (roles: readonly string[]): Promise<Worker> => {
    const worker = new Worker({ ...common(), ...attempts(), handlers, roles });
    await worker.start();
    return worker;
  };
  const engines: Planner[] = await Promise.all(Array.from({ length: 1 + Math.floor(random() * 3) }, startPlanner));
  const roles = apart ? [names.slice(0, 2), names.slice(2), names.slice(1, 3)] : [];
  const workers = await Promise.all(roles.map(startWorker));
  const graphs = Array.from({ length: 1 + Math.floor(random() * 3) }, () => randomGraph(random));
  const broken: string[] = [];
  const ids = await Promise.all(
    graphs.map(async (nodes, index) => {
      const task = await (engines[index % engines.length] as Planner).run({ nodes });
      return task.id;
    }),
  );
  const hasStop = !calm && random() < 0.4;
  if (hasStop) {
    totals.stops++;
    const leaving = [engines.shift(), ...(apart && random() < 0.5 ? workers.splice(0, 1) : [])];
    engines.push(await startPlanner());
    if (leaving.length > 1) workers.push(await startWorker(roles[0] ?? []));
    for (const each of leaving) await each?.stop({ graceMs: random() < 0.5 ? 0 : 5 });
  }
  const reader = memoryStore({ state });
  for (const [index, taskId] of ids.entries()) {
    totals.tasks++;
    const nodes = graphs[index] ?? [];
    await waitForEnd(reader, taskId, broken);
    broken.push(...(await misfits(reader, taskId, nodes)));
    for (const record of await reader.readShards(taskId)) {
      totals.retries += record.failures;
      totals.restarts += record.generation;
      if (record.failures > 0 && rates.handler === 0) {
        broken.push(`${record.nodeId}: failed with ${record.history.at(-1)?.reasonCode}`);
      }
      // A part that stops while the store fails tries twice to release a claim whose answer was lost: then it has to expire.
      if (record.lost > 0 && !(hasStop && rates.store > 0)) broken.push(`${record.nodeId}: lost a lease`);
    }
  }
  await Promise.all([...engines, ...workers].map((each) => each.stop({ graceMs: 0 })));
  return [...broken, ...keeper.broken];
}

async function waitForEnd(reader: Store, taskId: string, broken: string[]): Promise<void> {
  const deadline = performance.now() + 200_000; // only bounds hanging runs
  for (;;) {
    const task = await reader.readTask(taskId);
    if (task?.status === "finished") return void totals.finished++;
    if (task?.status === "failed" || task?.status === "cancelled" || performance.now() > deadline) {
      return void broken.push(`the task is ${task?.status}: ${task?.failure?.message ?? "no failure"}`);
    }
    await new Promise((done) => setTimeout(done, 1));
  }
}

function perhapsLater(random: () => number): () => Promise<void> {
  return async () => {
    const draw = random();
    if (draw < 0.2) await new Promise((done) => setTimeout(done, draw * 10));
    else if (draw < 0.4) await Promise.resolve();
  };
}

function unreliable(store: Store, random: () => number, rate: number): Store {
  if (rate === 0) return store;
  const unreachable = () => new FlowError("STORE_UNAVAILABLE", "drawn", { retryable: true });
  return new Proxy(store, {
    get(target, key: keyof Store) {
      const method = target[key] as (...args: unknown[]) => Promise<unknown>;
      if (key === "open" || key === "close") return () => method.call(target);
      return async (...args: unknown[]) => {
        if (random() < rate) throw unreachable();
        const answer = await method.apply(target, args);
        if (random() < rate) throw unreachable();
        return answer;
      };
    },
  });
}
