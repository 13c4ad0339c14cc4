import { join } from "node:path";
import { sqliteStore } from "flowkit/adapters/sqlite";
import { describe, expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { type NodePlan, planGraph } from "../../../src/core/plan/index.ts";
import { routeInput } from "../../../src/core/worker/input/index.ts";
import type { HandlerDefinition } from "../../../src/definitions/index.ts";
import { PermanentError, RetryableError } from "../../../src/errors/index.ts";
import { noTicks, testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node, unchecked } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { collect, Gate, until } from "../../helpers/waiting.ts";

const pull = { adapter: "pull.from_artifacts" } as const;
const setsAside = { retry_policy: { max: 1, ...atOnce }, batches: { on_failure: "set_aside" } } as const;
const failures = { adapter: "pull.failures" } as const;
const streams = { start: "first_batch" } as const;

/** Fails permanently for every payload for which this is true. */
const refusing = (name: string, isBad: (payload: unknown) => boolean, more: Partial<HandlerDefinition> = {}) =>
  handler(name, {
    processBatch: (payload: unknown) => {
      if (isBad(payload)) throw new PermanentError("refused", `no ${JSON.stringify(payload)}`);
      return payload;
    },
    ...more,
  });

const isOdd = (n: unknown): boolean => Number(n) % 2 === 1;

/** A failed batch as a handler receives it. */
const failedBatch = (uid: string, input: unknown, tries = 1) => ({
  uid,
  reasonCode: "refused",
  message: `no ${JSON.stringify(input)}`,
  tries,
  input,
});

describe.each([
  ["memory", () => memoryStore({ state: new MemoryState() })],
  ["SQLite", () => sqliteStore(join(tempFolder(), "tasks.db"))],
])("on %s, pull.failures", (_, open) => {
  test("delivers what its source set aside, and nothing else", async () => {
    const step = handler("step", {
      processBatch: (n) => {
        if (isOdd(n)) throw new RetryableError("refused", `no ${n}`);
        return n;
      },
    });
    const { engine } = await testEngine([source("src", numbers(6)), step, handler("letters"), handler("keep")], {
      store: open(),
    });
    const task = await engine.run(
      graphOf(
        node("src"),
        node("step", ["src"], { ...pull, ...setsAside }),
        node("letters", ["step"], failures),
        node("keep", ["step"]),
      ),
    );
    expect(await task.result()).toEqual({
      letters: [1, 3, 5].map((n) => failedBatch(String(n), n, 2)),
      keep: [0, 2, 4],
    });
    // A program receives the same for a failed batch.
    const batches = await collect(engine.failedBatches(task, "step"));
    const shown = batches.map(({ shard: _shard, stack: _stack, ...batch }) => batch);
    expect(shown).toEqual((await task.result()).letters);
  });

  test("delivers each of the failed batches that its only source has handed over", async () => {
    const step = refusing("step", (n) => !isOdd(n));
    const { engine } = await testEngine([source("src", numbers(3)), step, handler("letters")], { store: open() });
    const task = await engine.run(
      graphOf(node("src"), node("step", ["src"], { ...pull, ...setsAside }), node("letters", ["step"], failures)),
    );
    expect(await task.result()).toEqual({ letters: [0, 2].map((n) => failedBatch(String(n), n)) });
  });

  test("delivers what each batch consisted of, however its node reads its input", async () => {
    const pages = [{ items: [1, 2, 3] }, { items: [4] }];
    const handlers = [
      source("src", pages),
      refusing("made", () => true, { iterBatches: () => [{ uid: "own", payload: { day: 1 } }] }),
      refusing("chunks", (chunk) => String(chunk) === "3"),
      refusing("all", () => true),
      refusing("again", () => true),
      handler("letters"),
    ];
    const rechunk = { adapter: "pull.rechunk", adapterArgs: { size: 2, meta_list_key: "items" } };
    const { engine } = await testEngine(handlers, { store: open() });
    const task = await engine.run(
      graphOf(
        node("src"),
        node("made", [], setsAside),
        node("chunks", ["src"], { ...setsAside, ...rechunk }),
        node("all", ["src"], { ...setsAside, adapter: "pull.gather" }),
        node("again", ["chunks"], { ...setsAside, ...failures }),
        node("letters", ["made", "chunks", "all", "again"], failures),
      ),
    );
    const { letters } = await task.result();
    expect(letters).toEqual([
      failedBatch("own", { day: 1 }),
      failedBatch("0.1", [3]),
      failedBatch("all", { src: pages }),
      failedBatch("0.1", failedBatch("0.1", [3])),
    ]);
    for (const id of ["made", "chunks", "all", "again"]) {
      const [batch] = await collect(engine.failedBatches(task, id));
      const { message, input } = batch as { message: string; input?: unknown };
      expect(letters).toContainEqual(expect.objectContaining({ message, input }));
    }
  });

  test("streams: a failed batch is read while its source runs", async () => {
    const read = new Gate();
    const step = handler("step", {
      async processBatch(n) {
        if (n === 0) throw new PermanentError("refused", "no 0");
        if (n === 2) await read.pass();
        return n;
      },
    });
    const letters = handler("letters", {
      processBatch: (batch) => {
        read.open();
        return batch;
      },
    });
    const { engine } = await testEngine([source("src", numbers(3)), step, letters], { ...noTicks, store: open() });
    const task = await engine.run(
      graphOf(
        node("src"),
        node("step", ["src"], { ...pull, ...setsAside, ...streams }),
        node("letters", ["step"], { ...failures, ...streams }),
      ),
    );
    expect(await task.result()).toEqual({ letters: [failedBatch("0", 0)] });
  });

  test("continues after what it has stored: an attempt that failed hands out nothing twice and forgets nothing", async () => {
    let isDown = true;
    const seen: unknown[] = [];
    const letters = handler("letters", {
      concurrency: 2,
      processBatch: (batch) => {
        const { uid } = batch as { uid: string };
        if (uid === "3" && isDown) throw new PermanentError("down");
        seen.push(uid);
        return uid;
      },
    });
    const handlers = [source("src", numbers(40)), refusing("step", isOdd), letters];
    const { engine } = await testEngine(handlers, { store: open(), pageSize: 4 });
    const task = await engine.run(
      graphOf(node("src"), node("step", ["src"], { ...pull, ...setsAside }), node("letters", ["step"], failures)),
    );
    await expect(task.result()).rejects.toMatchObject({ details: { nodeId: "letters", batchUid: "3" } });
    isDown = false;
    const again = await engine.retry(task.id, { from: "failed" });
    const odd = numbers(40).filter(isOdd).map(String);
    expect(await again.result()).toEqual({ letters: odd });
    expect(seen.toSorted()).toEqual(odd.toSorted());
  });

  test("reads sources with partitions from each of its own", async () => {
    const handlers = [source("src", numbers(30)), refusing("step", isOdd), handler("letters")];
    const { engine } = await testEngine(handlers, { store: open(), pageSize: 4 });
    const task = await engine.run(
      graphOf(
        node("src", [], { partitions: 2 }),
        node("step", ["src"], { ...pull, ...setsAside, ...streams, partitions: 3 }),
        node("letters", ["step"], { ...failures, ...streams, partitions: 2 }),
      ),
    );
    const { letters } = (await task.result()) as { letters: readonly { input: number }[] };
    expect(letters.map(({ input }) => input).sort((a, b) => a - b)).toEqual(numbers(30).filter(isOdd));
    const counts = (await task.status()).nodes.map(({ batches }) => batches);
    expect(counts).toEqual([30, 15, 15]);
  });

  test("reads again after a retry of failed batches, of its source and of its own node", async () => {
    const broken = new Set<unknown>([1, 3]);
    let isFull = true;
    const letters = refusing("letters", (batch) => isFull && (batch as { uid: string }).uid === "3");
    const { engine } = await testEngine([source("src", numbers(5)), refusing("step", (n) => broken.has(n)), letters], {
      store: open(),
    });
    const task = await engine.run(
      graphOf(
        node("src"),
        node("step", ["src"], { ...pull, ...setsAside }),
        node("letters", ["step"], { ...failures, ...setsAside }),
      ),
    );
    expect(await task.result()).toEqual({ letters: [failedBatch("1", 1)] });

    isFull = false;
    const ofOwn = await engine.retryBatches(task, "letters");
    expect(await ofOwn.result()).toEqual({ letters: [failedBatch("1", 1), failedBatch("3", 3)] });

    broken.delete(1);
    const ofSource = await engine.retryBatches(task, "step");
    expect(await ofSource.result()).toEqual({ letters: [failedBatch("3", 3)] });
  });
});

test("a source that is far ahead of its reader of failures waits for it, and it passes over outputs", async () => {
  const state = new MemoryState();
  const { engine, record } = await testEngine(
    [source("src", numbers(60)), refusing("step", (n) => n === 50), handler("letters")],
    { state, pageSize: 4 },
  );
  const [first = {}, second = {}] = [{ io: { max_pending_batches: 2 } }, {}];
  const step = node("step", ["src"], { ...pull, ...setsAside, ...streams });
  const task = await engine.run(
    graphOf(
      { ...node("src"), ...first },
      { ...step, io: { ...step.io, max_pending_batches: 2 } },
      { ...node("letters", ["step"], { ...failures, ...streams }), ...second },
    ),
  );
  expect(await task.result()).toEqual({ letters: [failedBatch("50", 50)] });
  expect((await record(task.id, "letters")).cursors?.["step/0"]).toBeGreaterThan(50);
});

test("a source that starts over starts its reader of failures over", async () => {
  const seen: unknown[] = [];
  const letters = handler("letters", {
    processBatch: (batch) => {
      const { uid, input } = batch as { uid: string; input: unknown };
      seen.push(input);
      return uid;
    },
  });
  const src = handler("src", {
    resumable: false,
    async *iterBatches(_args, ctx) {
      yield { payload: `${ctx.epoch}:bad` };
      if (ctx.epoch === 1) {
        await until(() => seen.length > 0, "the failed batch to have been read");
        throw new Error("again");
      }
      yield { payload: `${ctx.epoch}:good` };
    },
  });
  const { engine, record } = await testEngine([src, refusing("step", (s) => String(s).endsWith("bad")), letters]);
  const task = await engine.run(
    graphOf(
      node("src", [], { retry_policy: atOnce }),
      node("step", ["src"], { ...pull, ...setsAside, ...streams }),
      node("letters", ["step"], { ...failures, ...streams }),
    ),
  );
  expect(await task.result()).toEqual({ letters: ["0"] });
  expect(seen).toEqual(["1:bad", "2:bad"]);
  expect(await record(task.id, "letters")).toMatchObject({ generation: 1, count: 1 });
});

test("in a retry, a failed batch is read that was copied before what it consisted of", async () => {
  let isDown = true;
  const src = source("src", [], {
    async *iterBatches() {
      for (const n of numbers(6)) {
        if (n === 5 && isDown) throw new PermanentError("down");
        yield { payload: n };
      }
    },
  });
  const state = new MemoryState();
  const busy = handler("letters", { processBatch: (_batch, ctx) => new Gate().pass(ctx.signal) });
  const { engine: first } = await testEngine([src, refusing("step", isOdd), busy], { state });
  const graph = graphOf(
    node("src", [], { retry_policy: { max: 0 } }),
    node("step", ["src"], { ...pull, ...setsAside, ...streams }),
    node("letters", ["step"], { ...failures, ...streams }),
  );
  const task = await first.run(graph);
  await task.wait();
  await first.stop();
  isDown = false;
  const store = memoryStore({ state });
  const { append } = store;
  store.append = async (attempt, generation, artifact) => {
    if (attempt.nodeId === "src" && artifact.seq === 1) await read.pass(); // the copy stops behind its first entry
    return append.call(store, attempt, generation, artifact);
  };
  const seen: unknown[] = [];
  const letters = handler("letters", {
    processBatch: (batch) => {
      seen.push((batch as { input: unknown }).input);
      read.open();
      return batch;
    },
  });
  const { engine } = await testEngine([src, refusing("step", isOdd), letters], { store, state });
  const read = new Gate(); // opened before the engine is stopped
  const again = await engine.retry(task.id, { from: "failed" });
  expect(await again.result()).toEqual({ letters: [1, 3, 5].map((n) => failedBatch(String(n), n)) });
});

test("each node is looked at once, however many ways lead to it", () => {
  const names = numbers(60).map((n) => `n${n}`);
  const nodes = names.map((name, at) =>
    node(name, names.slice(Math.max(0, at - 2), at), at === 0 ? setsAside : { ...setsAside, ...failures }),
  );
  const plan = planGraph(unchecked(...nodes));
  const last = plan.byId.get("n59") as NodePlan;
  const input = routeInput({ node: last, plan, handler: {}, customAdapters: new Map() });
  expect(input).toMatchObject({ kind: "stream", fromNodes: ["n57", "n58"] });
  expect(input.kind === "stream" && input.failuresOf?.size).toBe(59);
});

test("what failed batches consist of is kept in a store that drops artifacts once read", async () => {
  const state = new MemoryState();
  const store = memoryStore({ state, dropConsumed: "streaming" });
  const last = new Gate();
  const step = handler("step", {
    async processBatch(n) {
      if (n === 0) throw new PermanentError("refused", "no 0");
      if (n === 19) await last.pass();
      return n;
    },
  });
  const { engine, record } = await testEngine([source("src", numbers(20)), step, handler("letters")], { store, state });
  const task = await engine.run(
    graphOf(
      node("src"),
      node("step", ["src"], { ...pull, ...setsAside, ...streams }),
      node("letters", ["step"], failures), // begins when its source has read everything
    ),
  );
  await until(async () => (await record(task.id, "src")).status === "finished", "the source to end");
  last.open();
  expect(await task.result()).toEqual({ letters: [failedBatch("0", 0)] });
});

describe("a node that reads failed batches is refused", () => {
  test("if its source fails with the first of them", async () => {
    const { engine } = await testEngine([source("src", [1]), handler("letters")]);
    const graph = graphOf(node("src"), node("letters", ["src"], failures));
    await expect(engine.run(graph)).rejects.toMatchObject({
      code: "GRAPH_INVALID",
      details: {
        findings: [
          {
            code: "GRAPH_FROM_NODES",
            path: "/nodes/1/depends_on/0",
            message: "node 'letters' reads the failed batches of 'src', which does not set any aside",
          },
        ],
      },
    });
    const store = memoryStore();
    const { engine: other } = await testEngine([source("src", [1]), handler("letters")], { store });
    const { nodes } = unchecked(node("src"), node("letters", ["src"], failures));
    await store.createTask({ id: "t", graph: unchecked(...nodes), params: {}, priority: 0 });
    await expect(other.task("t").result()).rejects.toMatchObject({
      details: { nodeId: "letters", reasonCode: "bad_input_args" },
    });
  });

  test("if it would choose among them by their data", async () => {
    const { engine } = await testEngine([source("src", [1]), handler("letters")]);
    const where = { adapterArgs: { where: { reasonCode: "refused" } } };
    const graph = graphOf(node("src", [], setsAside), node("letters", ["src"], { ...failures, ...where }));
    await expect(engine.run(graph)).rejects.toMatchObject({
      details: {
        findings: [
          {
            path: "/nodes/1/io/input_inline/input_args/where",
            message: "node 'letters' reads failed batches, from which 'where' cannot choose",
          },
        ],
      },
    });
  });

  test("if the graph does not say how its source reads its input", async () => {
    const { engine } = await testEngine([source("src", [1]), refusing("step", isOdd), handler("letters")]);
    const graph = graphOf(node("src"), node("step", ["src"], setsAside), node("letters", ["step"], failures));
    await expect(engine.run(graph)).rejects.toMatchObject({
      code: "GRAPH_INVALID",
      message: expect.stringContaining(
        "node 'letters' reads the failed batches of 'step', which must name its input_adapter for that",
      ),
    });
  });

  test("if the worker does not know how its source reads its input", async () => {
    const store = memoryStore();
    const { engine } = await testEngine([source("src", [1]), refusing("step", isOdd), handler("letters")], { store });
    const step = node("step", ["src"], { ...pull, ...setsAside, adapter: "pull.unheard" });
    await store.createTask({
      id: "t",
      graph: unchecked(
        node("src"),
        step,
        node("letters", ["src", "step"], { ...failures, adapterArgs: { from_nodes: ["step"] }, fan_in: "any" }),
      ),
      params: {},
      priority: 0,
    });
    const { nodes } = await engine.task("t").wait();
    expect(nodes.map(({ failure }) => failure?.reasonCode)).toContain("bad_input_adapter");
  });
});
