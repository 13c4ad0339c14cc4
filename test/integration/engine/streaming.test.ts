import { describe, expect, test } from "vitest";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { countItems, handler, numbers, paced, pages, source } from "../../helpers/handlers.ts";
import { collect, Gate, until } from "../../helpers/waiting.ts";

const rechunk = (from: string, size: number) => ({
  adapter: "pull.from_artifacts.rechunk:size",
  adapterArgs: { from_nodes: [from], size, meta_list_key: "items" },
});

describe("streaming", () => {
  test("eleven items in batches of four are three artifacts and one marker, and a rechunk of three delivers eleven", async () => {
    const sizes: number[] = [];
    const counter = handler("counter", {
      processBatch: (payload, ctx) => {
        sizes.push((payload as unknown[]).length);
        ctx.metrics.add("items", (payload as unknown[]).length);
        return { count: (payload as unknown[]).length };
      },
    });
    const { engine, writes, record } = await testEngine([source("indexer", pages(numbers(11), 4)), counter]);
    const task = await engine.run(
      graphOf(node("indexer"), node("counter", ["indexer"], { start: "first_batch", ...rechunk("indexer", 3) })),
    );
    await task.result();
    const ofIndexer = writes.flatMap((event) =>
      (event.kind === "artifact" || event.kind === "log_closed") && event.ref.nodeId === "indexer" ? [event] : [],
    );
    expect(ofIndexer.map(({ kind }) => kind)).toEqual(["artifact", "artifact", "artifact", "log_closed"]);
    expect((await record(task.id, "indexer")).count).toBe(3);
    // Never across artifacts: 4, 4 and 3 items are cut into 3+1, 3+1 and 3.
    expect(sizes).toEqual([3, 1, 3, 1, 3]);
    expect((await task.status()).nodes.map(({ batches }) => batches)).toEqual([3, 5]);
  });

  test("three sources into one consumer: every batch of each, in the order of its source", async () => {
    const sink = handler("sink");
    const sources = ["a", "b", "c"].map((name, nth) =>
      source(
        name,
        numbers(5 + nth).map((n) => `${name}${n}`),
      ),
    );
    const { engine } = await testEngine([...sources, sink]);
    const task = await engine.run(
      graphOf(node("a"), node("b"), node("c"), node("sink", ["a", "b", "c"], { start: "first_batch" })),
    );
    const got = (await task.result()).sink as string[];
    expect(got).toHaveLength(5 + 6 + 7);
    for (const [nth, name] of ["a", "b", "c"].entries()) {
      expect(got.filter((each) => each.startsWith(name))).toEqual(numbers(5 + nth).map((n) => `${name}${n}`));
    }
  });

  test("indexer, enricher, ocr, a merge of two and an analyzer of two, all on the first batch", async () => {
    const all = numbers(12).map((n) => ({ sku: n }));
    const { engine } = await testEngine([
      source("indexer", pages(all, 5)),
      handler("enricher", {
        processBatch: (items) => ({ items: (items as object[]).map((each) => ({ ...each, e: 1 })) }),
      }),
      handler("ocr", { processBatch: (items) => ({ items: (items as object[]).map((each) => ({ ...each, o: 1 })) }) }),
      handler("merger"),
      handler("analyzer", { processBatch: (payload) => countItems(payload) }),
    ]);
    const task = await engine.run(
      graphOf(
        node("indexer"),
        node("enricher", ["indexer"], { start: "first_batch", ...rechunk("indexer", 3) }),
        node("ocr", ["enricher"], { start: "first_batch", ...rechunk("enricher", 1) }),
        node("merger", ["enricher", "ocr"], { start: "first_batch" }),
        node("analyzer", ["merger", "ocr"], { start: "first_batch" }),
      ),
    );
    const { analyzer } = await task.result();
    // 12 items through enricher and ocr into the merger, and once more straight from ocr.
    expect((analyzer as number[]).reduce((sum, count) => sum + count, 0)).toBe(36);
    const status = await task.status();
    // 5, 5 and 2 items in threes; then one by one; both together; the merger's and ocr's.
    expect(status.nodes.map(({ batches }) => batches)).toEqual([3, 5, 12, 17, 29]);
  });

  test.for([200, 257, 513])("all of %i artifacts are delivered, with any page size", async (count) => {
    const { engine } = await testEngine([source("src", numbers(count)), handler("sink")]);
    const task = await engine.run(graphOf(node("src"), node("sink", ["src"])));
    expect((await task.result()).sink).toEqual(numbers(count));
  });

  test("pages of one artifact deliver every one", async () => {
    const { engine } = await testEngine([source("src", numbers(37)), handler("sink")], { pageSize: 1 });
    const task = await engine.run(graphOf(node("src"), node("sink", ["src"], { start: "first_batch" })));
    expect((await task.result()).sink).toEqual(numbers(37));
  });

  test("an upstream without a batch is not an error: its consumers finish without any", async () => {
    const { engine, record } = await testEngine([source("src", []), handler("sink"), handler("more")]);
    const task = await engine.run(
      graphOf(node("src"), node("sink", ["src"], { start: "first_batch" }), node("more", ["sink"])),
    );
    expect(await task.result()).toEqual({ more: [] });
    expect((await record(task.id, "sink")).count).toBe(0);
  });

  test("equal uids of two sources, or in two chunks of one source, do not collide", async () => {
    const { engine, artifacts } = await testEngine([
      source("a", [{ items: [1, 2, 3] }], { iterBatches: () => [{ uid: "same", payload: { items: [1, 2, 3] } }] }),
      source("b", [], { iterBatches: () => [{ uid: "same", payload: { items: [4, 5] } }] }),
      handler("sink"),
    ]);
    const task = await engine.run(
      graphOf(
        node("a"),
        node("b"),
        node("sink", ["a", "b"], {
          adapter: "pull.rechunk",
          adapterArgs: { from_nodes: ["a", "b"], size: 2, meta_list_key: "items" },
        }),
      ),
    );
    expect(((await task.result()).sink as unknown[]).toSorted()).toEqual([[1, 2], [3], [4, 5]]);
    const uids = (await artifacts(task.id, "sink")).map(({ uid }) => uid);
    expect(new Set(uids).size).toBe(3);
  });

  test("a uid that iterBatches uses for two batches is a permanent duplicate_uid", async () => {
    let attempts = 0;
    const twice = handler("twice", {
      iterBatches: () => {
        attempts++;
        return ["x", "y", "x"].map((uid) => ({ uid, payload: uid }));
      },
    });
    const { engine } = await testEngine([twice]);
    const task = await engine.run(graphOf(node("twice")));
    await expect(task.result()).rejects.toMatchObject({
      code: "TASK_FAILED",
      details: { reasonCode: "duplicate_uid", nodeId: "twice", batchUid: "x" },
    });
    expect(attempts).toBe(1);
  });

  test("partitions: every batch is in exactly one shard, and the node is read as one", async () => {
    const { engine, record, artifacts } = await testEngine([
      source("src", numbers(40)),
      handler("wide", { processBatch: (n, ctx) => ({ n: n as number, shard: ctx.shard }) }),
      handler("sink"),
    ]);
    const task = await engine.run(
      graphOf(
        node("src", [], { partitions: 3 }),
        node("wide", ["src"], { partitions: 4, start: "first_batch" }),
        node("sink", ["wide"], { start: "first_batch" }),
      ),
    );
    const got = (await task.result()).sink as { n: number; shard: number }[];
    expect(got.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(numbers(40));
    let stored = 0;
    for (const shard of numbers(4)) {
      stored += (await record(task.id, "wide", shard)).count ?? Number.NaN;
      for (const { meta } of await artifacts(task.id, "wide", shard)) expect(meta).toMatchObject({ shard });
    }
    expect(stored).toBe(40);
  });

  test("batches that arrive while a consumer waits are delivered at once, not at the source's end", async () => {
    const gates = numbers(3).map(() => new Gate());
    const seen: unknown[] = [];
    const { engine } = await testEngine([
      handler("src", { iterBatches: () => paced(numbers(3), (nth) => (gates[nth] as Gate).pass()) }),
      handler("sink", {
        processBatch: (n) => {
          seen.push(n);
          return n as number;
        },
      }),
    ]);
    const task = await engine.run(graphOf(node("src"), node("sink", ["src"], { start: "first_batch" })));
    for (const [nth, gate] of gates.entries()) {
      gate.open();
      await until(() => seen.length === nth + 1, `batch ${nth} at the sink`);
    }
    await task.result();
  });

  test("two concurrent tasks of one graph: their batches never mix", async () => {
    const { engine } = await testEngine([
      handler("src", {
        iterBatches: (args) => numbers(50).map((n) => ({ payload: `${(args as { of: string }).of}${n}` })),
      }),
      handler("sink"),
    ]);
    const run = (of: string) =>
      engine.run(graphOf(node("src", [], { args: { of } }), node("sink", ["src"], { start: "first_batch" })));
    const tasks = await Promise.all(["x", "y", "z"].map(run));
    for (const [nth, task] of tasks.entries()) {
      expect((await task.result()).sink).toEqual(numbers(50).map((n) => `${"xyz"[nth]}${n}`));
      expect(await collect(task.artifacts("src"))).toHaveLength(50);
    }
  });
});
