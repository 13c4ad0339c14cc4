import { describe, expect, test } from "vitest";
import { memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
import { mongoStore } from "../../../src/adapters/mongo/index.ts";
import { openTelemetry } from "../../../src/adapters/opentelemetry/index.ts";
import { postgresBus, postgresStore } from "../../../src/adapters/postgres/index.ts";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import { Client } from "../../../src/engine/client.ts";
import { Coordinator } from "../../../src/engine/coordinator.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { Worker } from "../../../src/engine/worker.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { testRoles } from "../../helpers/roles.ts";

/* Mistakes that TypeScript rejects too, for users without it. */
const made = {
  "new Coordinator": (options: object) => new Coordinator(options as never),
  "new Worker": (options: object) => new Worker(options as never),
  "new Client": (options: object) => new Client(options as never),
} as const;
const handlers = [source("a", [1]), handler("b")];
const store = memoryStore();
const types = { handlers };

const ofAll: readonly (readonly [string, object, string])[] = [
  ["no store", types, "needs a store"],
  ["a value that is not a store", { ...types, store: "runs.db" }, "store: expected a store"],
  ["a value that is not a bus", { ...types, store, bus: { publish() {} } }, "bus: expected a bus"],
  [
    "a value that is not a logger",
    { ...types, store, logger: console.log },
    "logger: expected a logger with pino's methods",
  ],
  [
    "a value that is not an input adapter",
    { ...types, store, inputAdapters: [null] },
    "inputAdapters[0]: expected an input",
  ],
  ["an unknown option", { ...types, store, capacty: 3 }, "has no option 'capacty'"],
  ["no fleet", { ...types, store, maxRunning: 0 }, "maxRunning: "],
  ["half a limit", { ...types, store, maxRunningPerType: { a: 1.5 } }, "maxRunningPerType.a: "],
  ["no rate", { ...types, store, ratePerType: { a: { perSec: 0 } } }, "ratePerType.a.perSec: "],
  [
    "a rate of functions",
    { ...types, store, ratePerType: { coordinator_fn: { perSec: 1 } } },
    "ratePerType.coordinator_fn: ",
  ],
  ["values that are not handlers", { store, handlers: [{}] }, "needs handlers made by defineHandler()"],
  ["handlers of another kind", { store, handlers: "extract" }, "needs handlers: a list or a record"],
  [
    "two handlers with one name",
    { store, handlers: [handlers[0], source("a", [2])] },
    "two different handlers are named",
  ],
];
const ofPlanners: readonly (readonly [string, object, string])[] = [
  ["no types", { store }, "needs either handlers or workerTypes"],
  ["both", { store, handlers, workerTypes: ["a"] }, "needs either handlers or workerTypes"],
  ["types that are not a list", { store, workerTypes: "a" }, "needs workerTypes: a list of node types"],
  ["a type without a name", { store, workerTypes: ["a", ""] }, "needs workerTypes: a list of node types"],
  [
    "a value that is not a coordinator function",
    { ...types, store, coordinatorFns: [{}] },
    "coordinatorFns[0]: expected a coordinator",
  ],
  ["a negative grace period", { ...types, store, cancelGraceMs: -1 }, "cancelGraceMs: "],
];
const ofRunners: readonly (readonly [string, object, string])[] = [
  ["a lease of zero", { ...types, store, leaseMs: 0 }, "leaseMs: "],
  ["an empty page", { ...types, store, pageSize: 0 }, "pageSize: "],
  ["a keepAlive that is a string", { ...types, store, keepAlive: "yes" }, "keepAlive: "],
  [
    "telemetry without one of its methods",
    { ...types, store, telemetry: { ...openTelemetry(), leaseExpired: undefined } },
    "telemetry: expected telemetry: openTelemetry()",
  ],
];
const own: Readonly<Record<keyof typeof made, readonly (readonly [string, object, string])[]>> = {
  "new Coordinator": [
    ...ofPlanners,
    ...ofRunners,
    ["a tick interval of zero", { ...types, store, tickMs: 0 }, "tickMs: "],
    ["an infinite sweep interval", { ...types, store, sweepMs: Number.POSITIVE_INFINITY }, "sweepMs: "],
    ["a negative count", { ...types, store, maxLostLeases: -1 }, "maxLostLeases: "],
    ["an option of a worker", { ...types, store, capacity: 8 }, "has no option 'capacity'"],
  ],
  "new Worker": [
    ...ofRunners,
    ["no capacity", { ...types, store, capacity: 0 }, "capacity: "],
    ["a capacity of zero for a type", { ...types, store, capacityPerType: { a: 0 } }, "capacityPerType.a: "],
    ["no handlers", { store }, "needs handlers"],
    [
      "a role without a handler",
      { ...types, store, roles: ["a", "c"] },
      "no handler for role 'c': its handlers are 'a', 'b'",
    ],
    ["no role", { ...types, store, roles: [] }, "roles must be a non-empty list"],
    ["roles that are not a list", { ...types, store, roles: "a" }, "roles must be a non-empty list"],
    ["an option of a coordinator", { ...types, store, sweepMs: 5 }, "has no option 'sweepMs'"],
  ],
  "new Client": [...ofPlanners, ["an option of a worker", { ...types, store, leaseMs: 8 }, "has no option 'leaseMs'"]],
};

describe.each(Object.keys(made) as (keyof typeof made)[])("%s refuses", (what) => {
  test("a value that is not an options object", () => {
    for (const options of [undefined, null, 5]) {
      expect(() => made[what](options as never)).toThrow(
        expect.objectContaining({ code: "ENGINE_OPTIONS", message: `${what} needs options` }),
      );
    }
  });

  test.each([...ofAll, ...own[what]])("%s", (_, options, words) => {
    expect(() => made[what](options)).toThrow(
      expect.objectContaining({ code: "ENGINE_OPTIONS", message: expect.stringContaining(words) }),
    );
  });
});

test("createEngine rejects the same mistakes", async () => {
  const own = [
    [{}, "createEngine needs handlers: a list or a record"],
    [{ handlers: [{}] }, "createEngine needs handlers made by defineHandler()"],
    [{ handlers: [], stor: null }, "createEngine has no option 'stor' (did you mean 'store'?)"],
  ] as const;
  for (const [options, message] of own)
    await expect(createEngine(options as never)).rejects.toMatchObject({ code: "ENGINE_OPTIONS", message });
  for (const [, options, words] of ofAll.slice(1)) {
    await expect(createEngine(options as never)).rejects.toMatchObject({
      code: "ENGINE_OPTIONS",
      message: expect.stringContaining(words),
    });
  }
});

test("methods reject options that do not exist, and start and delete nothing", async () => {
  await using engine = await createEngine({ handlers });
  const graph = graphOf(node("a"));
  const task = await engine.run(graph);
  await task.result();
  const calls: Readonly<Record<string, readonly [wrong: string, right: string, call: (options: never) => unknown]>> = {
    run: ["idempotencKey", "idempotencyKey", (options) => engine.run(graph, options)],
    retry: ["form", "from", (options) => engine.retry(task.id, options)],
    retryBatches: ["uid", "uids", (options) => engine.retryBatches(task.id, "a", options)],
    list: ["stat_us", "status", (options) => engine.list(options)],
    deadLetters: ["limits", "limit", (options) => engine.deadLetters(options)],
    cleanup: ["endedForSecs", "endedForSec", (options) => engine.cleanup(options)],
    "schedules.list": ["curser", "cursor", (options) => engine.schedules.list(options)],
    "schedules.put": ["timezone", "timeZone", (options) => engine.schedules.put("nightly", options)],
  };
  for (const [method, [wrong, right, call]] of Object.entries(calls)) {
    await expect((async () => call({ [wrong]: 0 } as never))()).rejects.toMatchObject({
      code: "ENGINE_OPTIONS",
      message: `${method} has no option '${wrong}' (did you mean '${right}'?)`,
    });
  }
  await expect(engine.run(graph, null as never)).rejects.toMatchObject({
    code: "ENGINE_OPTIONS",
    message: "run: options must be an object, got null",
  });
  await expect(engine.run(graph, { constructor: 1 } as never)).rejects.toThrow("run has no option 'constructor'");
  for (const [flow, words] of [
    [undefined, "undefined"],
    [() => graph, "a function"],
    ["etl", "a string"],
  ]) {
    await expect(engine.run(flow as never)).rejects.toMatchObject({
      code: "ENGINE_OPTIONS",
      message: `expected a flow or a graph, got ${words}`,
    });
  }
  expect((await engine.list()).items.map(({ id }) => id)).toEqual([task.id]);
  expect((await engine.schedules.list()).items).toEqual([]);
});

test.each<[string, (options: never) => unknown, string, string]>([
  ["memoryStore", memoryStore, "dropConsumd", "dropConsumed"],
  ["memoryBus", memoryBus, "backofMs", "backoffMs"],
  ["sqliteStore", (options) => sqliteStore(":memory:", options), "synchronus", "synchronous"],
  ["postgresStore", postgresStore, "keepEndedSecs", "keepEndedSec"],
  ["postgresBus", postgresBus, "lookEvryMs", "lookEveryMs"],
  ["mongoStore", mongoStore, "prefx", "prefix"],
  ["openTelemetry", openTelemetry, "taskPerSec", "tasksPerSec"],
])("%s rejects an option that does not exist", (what, make, wrong, right) => {
  expect(() => make({ [wrong]: 0 } as never)).toThrow(
    expect.objectContaining({
      code: "ENGINE_OPTIONS",
      message: `${what} has no option '${wrong}' (did you mean '${right}'?)`,
    }),
  );
});

test("a graph with unknown types is rejected, and so is a retry of one", async () => {
  const { coordinator, client, worker } = testRoles();
  const plans = await coordinator(["a", "b"]);
  const web = await client(["a"]);
  const unknown = { code: "GRAPH_INVALID", details: { findings: [{ code: "GRAPH_UNKNOWN_TYPE" }] } };
  await expect(web.run(graphOf(node("b")))).rejects.toMatchObject(unknown);
  await worker([source("a", [1], { processBatch: () => Promise.reject(new TypeError("x")) })]);
  const task = await plans.run(graphOf(node("a"), node("b", ["a"])));
  expect(await task.wait()).toMatchObject({ status: "failed" });
  await expect(web.retry(task.id, { from: "failed" })).rejects.toMatchObject(unknown);
});
