import { describe, expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import type { AttemptContext, SourceBatch } from "../../../src/definitions/index.ts";
import { PermanentError, RetryableError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const retried = { retry_policy: { max: 40, ...atOnce } } as const;

const batchOf = (index: number): SourceBatch<number> => ({ uid: `page-${index}`, payload: index });

/** Yields 12 pages, saves its place behind each, and fails at the given page of an attempt. */
async function* paged(ctx: AttemptContext, failsAt: readonly number[]): AsyncGenerator<SourceBatch<number>> {
  const from = Number((await ctx.checkpoint.get()) ?? 0);
  for (let page = from; page < 12; page++) {
    if (page === failsAt[ctx.epoch - 1]) throw new RetryableError("offline");
    yield batchOf(page);
    await ctx.checkpoint.set(page + 1);
  }
}

describe("a source that continues from its checkpoint", () => {
  test.each([
    [1, [3, 7]],
    [4, [3, 7]],
    [4, [3]],
    [4, [10, 11, 11]],
  ])("loses nothing, with concurrency %s, failing at %j", async (concurrency, failsAt) => {
    const src = source("src", [], { concurrency, iterBatches: (_args, ctx) => paged(ctx, failsAt) });
    const { engine } = await testEngine([src, handler("sink")]);
    const task = await engine.run(graphOf(node("src", [], retried), node("sink", ["src"])));
    expect(await task.result()).toEqual({ sink: numbers(12) });
  });

  test("is refused if its batches have no uids: counted ones would restart with it", async () => {
    const src = source("src", [], {
      async *iterBatches(_args, ctx) {
        for (let page = Number((await ctx.checkpoint.get()) ?? 0); page < 3; page++) yield { payload: page };
      },
    });
    const { engine } = await testEngine([src]);
    const task = await engine.run(graphOf(node("src", [], retried)));
    await expect(task.result()).rejects.toMatchObject({
      message: expect.stringContaining("batch 0 needs a uid"),
      details: { reasonCode: "bad_input", epoch: 1 },
    });
  });
});

describe("the checkpoint of a source", () => {
  test("is written once the batches yielded before it are stored, but visible to its source before", async () => {
    const gate = new Gate();
    const seen: unknown[] = [];
    let isSet = false;
    const src = source("src", [], {
      concurrency: 3,
      async *iterBatches(_args, { checkpoint }) {
        yield batchOf(0);
        yield batchOf(1);
        const set = checkpoint.set(2).then(() => {
          isSet = true;
        });
        seen.push(await checkpoint.get());
        await set;
        seen.push(await checkpoint.get());
        yield batchOf(2);
      },
      async processBatch(payload) {
        if (payload === 0) await gate.pass();
        return payload;
      },
    });
    const { engine, record, artifacts, writes } = await testEngine([src]);
    const task = await engine.run(graphOf(node("src")));
    await until(() => seen.length === 1);
    expect((await record(task.id, "src")).checkpoint).toBeUndefined();
    await until(async () => (await artifacts(task.id, "src")).length === 1, "the batch that does not wait");
    expect(isSet).toBe(false);
    gate.open();
    expect(await task.result()).toEqual({ src: [0, 1, 2] });
    expect(seen).toEqual([2, 2]);
    const kinds = writes.map(({ kind }) => kind).filter((kind) => kind === "artifact" || kind === "reported");
    expect(kinds).toEqual(["artifact", "artifact", "reported", "artifact"]);
  });

  test.each([1, 3])("is dropped if a batch before it fails for good, with concurrency %s", async (concurrency) => {
    const refused: unknown[] = [];
    const src = source("src", [], {
      concurrency,
      async *iterBatches(_args, { checkpoint }) {
        let next = Number((await checkpoint.get()) ?? 0);
        try {
          while (next < 5) yield batchOf(next++);
        } finally {
          // Claims more than is stored, and is not awaited.
          void checkpoint.set(next);
          await checkpoint.set(next).catch((error: unknown) => refused.push(error));
        }
      },
      async processBatch(payload) {
        if (payload !== 2) return payload;
        throw new PermanentError("broken");
      },
    });
    const { engine, record } = await testEngine([src, handler("sink")]);
    const task = await engine.run(graphOf(node("src", [], retried), node("sink", ["src"])));
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "broken", batchUid: "page-2" } });
    if (concurrency === 1) expect(refused).toHaveLength(1);
    expect((await record(task.id, "src")).checkpoint).toBeUndefined();
  });

  test("is written after a batch before it that is tried again", async () => {
    const seen: unknown[] = [];
    const src = source("src", [], {
      async *iterBatches(_args, { checkpoint }) {
        for (const index of numbers(3)) {
          yield batchOf(index);
          await checkpoint.set(index);
        }
      },
      processBatch(payload, { tries }) {
        seen.push([payload, tries]);
        if (payload === 1 && tries < 3) throw new RetryableError("offline");
        return payload;
      },
    });
    const { engine, record } = await testEngine([src]);
    const task = await engine.run(graphOf(node("src", [], retried)));
    expect(await task.result()).toEqual({ src: numbers(3) });
    expect(seen.map(String)).toEqual(["0,1", "1,1", "1,2", "1,3", "2,1"]);
    expect(await record(task.id, "src")).toMatchObject({ checkpoint: 2, checkpointIndex: 3, epoch: 1 });
  });

  test("keeps the place of later batches in the order of the input", async () => {
    const src = source("src", [], {
      concurrency: 4,
      async *iterBatches(_args, ctx) {
        const from = Number((await ctx.checkpoint.get()) ?? 0);
        for (let index = from; index < 12; index++) {
          if (index === ctx.epoch * 5) throw new RetryableError("offline");
          yield batchOf(index);
          await ctx.checkpoint.set(index + 1);
        }
      },
      processBatch: (payload) => payload,
    });
    const { engine, artifacts } = await testEngine([src, handler("join")]);
    const join = node("join", ["src"], { adapter: "pull.gather" });
    const task = await engine.run(graphOf(node("src", [], retried), join));
    expect(await task.result()).toEqual({ join: [{ src: numbers(12) }] });
    expect((await artifacts(task.id, "src")).map(({ origin }) => origin.seq)).toEqual(numbers(12));
  });

  test("is refused if it is not JSON, whatever is pending", async () => {
    const src = source("src", [], {
      async *iterBatches(_args, { checkpoint }) {
        yield batchOf(0);
        await checkpoint.set(new Map() as never);
      },
    });
    const { engine } = await testEngine([src]);
    const task = await engine.run(graphOf(node("src", [], retried)));
    await expect(task.result()).rejects.toThrow("a checkpoint must be JSON");
  });
});

describe("a source that is retried", () => {
  test.each([1, 3])(
    "is asked for the next batch when the previous one is stored (concurrency %s)",
    async (concurrency) => {
      const behind: string[] = [];
      let count = 0;
      const store = memoryStore({
        state: new MemoryState(),
        observe: (event) => {
          if (event.kind === "artifact") count++;
        },
      });
      const src = source("src", [], {
        concurrency,
        async *iterBatches(_args, ctx) {
          for (const index of numbers(9)) {
            if (ctx.epoch === 1 && index === 4) throw new RetryableError("offline");
            yield batchOf(index);
            // With several in progress, this one may be stored slightly later, but that requires no other batch.
            if (concurrency > 1) await until(() => count > index);
            if (count <= index) behind.push(`epoch ${ctx.epoch}: ${index}`);
          }
        },
      });
      const { engine } = await testEngine([src], { store });
      const task = await engine.run(graphOf(node("src", [], retried)));
      expect(await task.result()).toEqual({ src: numbers(9) });
      expect(behind).toEqual([]);
    },
  );

  test("waits until its consumer has processed a batch, like the first attempt", async () => {
    const got: unknown[] = [];
    const src = source("src", [], {
      async *iterBatches(_args, ctx) {
        for (const index of numbers(4)) {
          if (ctx.epoch === 1 && index === 2) throw new RetryableError("offline");
          yield batchOf(index);
          await until(() => got.length > index, "the consumer to have the batch");
        }
      },
    });
    const sink = handler("sink", {
      processBatch: (payload) => {
        got.push(payload);
        return payload;
      },
    });
    const { engine } = await testEngine([src, sink]);
    const task = await engine.run(graphOf(node("src", [], retried), node("sink", ["src"], { start: "first_batch" })));
    expect(await task.result()).toEqual({ sink: numbers(4) });
  });

  test.each([1, 4])("gets as far in each attempt, however often it fails (concurrency %s)", async (concurrency) => {
    const stored: number[] = [];
    const src = source("src", [], {
      concurrency,
      async *iterBatches() {
        const before = stored.length;
        for (const index of numbers(100)) {
          if (index === before + 20) throw new RetryableError("offline");
          yield batchOf(index);
        }
      },
    });
    const store = memoryStore({
      observe: (event) => {
        if (event.kind === "artifact") stored.push(event.artifact.seq);
      },
    });
    const { engine } = await testEngine([src], { store });
    const task = await engine.run(graphOf(node("src", [], retried)));
    expect(await task.result()).toEqual({ src: numbers(100) });
    expect((await store.readShards(task.id, ["src"]))[0]?.epoch).toBe(5);
  });

  test("stays within its limit on pending batches", async () => {
    const gate = new Gate();
    let yielded = 0;
    const src = source("src", [], {
      async *iterBatches(_args, ctx) {
        for (const index of numbers(40)) {
          if (ctx.epoch === 1 && index === 2) throw new RetryableError("offline");
          if (ctx.epoch === 2) yielded = index + 1;
          yield batchOf(index);
        }
      },
    });
    const sink = handler("sink", {
      async processBatch(payload) {
        await gate.pass();
        return payload;
      },
    });
    const limited = { retry_policy: { ...retried.retry_policy, backoff_sec: 0.1 } };
    const { engine, artifacts } = await testEngine([src, sink]);
    const graph = graphOf(
      { ...node("src", [], limited), io: { max_pending_batches: 3 } },
      node("sink", ["src"], { start: "first_batch" }),
    );
    const task = await engine.run(graph);
    await until(async () => yielded > 2 && (await artifacts(task.id, "src")).length >= 3);
    expect(yielded).toBeLessThanOrEqual(5);
    gate.open();
    expect(await task.result()).toEqual({ sink: numbers(40) });
  });
});

describe("store reads for a source's batches", () => {
  /** Stores `uids` and fails, yields `again`; returns what the second attempt asked for. */
  async function asked(options: {
    readonly uids: readonly string[];
    readonly again: readonly string[];
    readonly pageSize: number;
  }) {
    const calls: string[] = [];
    const inner = memoryStore();
    const store = new Proxy(inner, {
      get(target, name: keyof Store) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return (...args: unknown[]): unknown => {
          if (name === "readUids" || name === "storedUids") calls.push(name);
          return member.apply(target, args);
        };
      },
    });
    let callsOfFirst = -1;
    const src = source("src", [], {
      *iterBatches(_args, ctx) {
        for (const uid of ctx.epoch === 1 ? options.uids : options.again) yield { uid, payload: uid };
        if (ctx.epoch > 1) return;
        callsOfFirst = calls.length;
        throw new RetryableError("offline");
      },
    });
    const { engine } = await testEngine([src], { store, pageSize: options.pageSize });
    const task = await engine.run(graphOf(node("src", [], retried)));
    await task.result();
    const { generation } = (await store.readShards(task.id, ["src"]))[0] ?? { generation: 0 };
    const log = await store.readArtifacts({ taskId: task.id, nodeId: "src", shard: 0 }, generation, 0, 10_000);
    const stored = log.map(({ uid }) => uid);
    expect(new Set(stored)).toEqual(new Set([...options.uids, ...options.again]));
    expect(stored).toHaveLength(new Set(stored).size);
    return { first: callsOfFirst, second: calls.slice(callsOfFirst) };
  }

  const named = (count: number) => numbers(count).map((index) => `u${index}`);
  const countOf = (calls: readonly string[], name: string) => calls.filter((call) => call === name).length;

  test("are none for new batches, and one per page when it repeats the order of its log", async () => {
    const { first, second } = await asked({ uids: named(100), again: named(150), pageSize: 10 });
    expect(first).toBe(0);
    expect(second).toEqual(Array(10).fill("readUids"));
  });

  test("are one per batch if a long log is repeated in another order", async () => {
    const { second } = await asked({ uids: named(100), again: named(100).toReversed(), pageSize: 5 });
    expect(countOf(second, "readUids")).toBeLessThanOrEqual(20);
    expect(countOf(second, "storedUids")).toBeLessThanOrEqual(100);
  });

  test("are its log, and then none, if it continues after what is stored", async () => {
    const later = numbers(50).map((index) => `v${index}`);
    const { second } = await asked({ uids: named(30), again: later, pageSize: 10 });
    expect(second).toEqual(["readUids", "readUids", "readUids"]);
  });
});

describe.each(["a generator", "an asynchronous generator"])("%s that is left early", (kind) => {
  /** Records whether it was closed, and then fails to close. */
  const leaving = (closed: string[]) => {
    const close = (): void => {
      closed.push("closed");
      throw new Error("cannot close");
    };
    function* batches(): Generator<SourceBatch<number>> {
      try {
        for (const payload of numbers(5)) yield payload === 4 ? { payload, uid: "" } : { payload };
      } finally {
        close();
      }
    }
    async function* later(): AsyncGenerator<SourceBatch<number>> {
      yield* batches();
    }
    return kind === "a generator" ? batches : later;
  };

  test("because of a uid is closed, and the uid is the reason, whatever closing does", async () => {
    const closed: string[] = [];
    const { engine } = await testEngine([handler("a", { iterBatches: leaving(closed) })]);
    const task = await engine.run(graphOf(node("a")));
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode: "bad_input" } });
    expect(closed).toEqual(["closed"]);
  });

  test("because of a batch is closed, and the batch is the reason, whatever closing does", async () => {
    const closed: string[] = [];
    const failing = handler("a", {
      iterBatches: leaving(closed),
      processBatch: (n) => {
        if (n === 2) throw new PermanentError("no-2");
        return n as number;
      },
    });
    const { engine, artifacts } = await testEngine([failing]);
    const task = await engine.run(graphOf(node("a")));
    await expect(task.result()).rejects.toMatchObject({
      details: { batchUid: "2" },
      message: expect.stringContaining("no-2"),
    });
    expect(closed).toEqual(["closed"]);
    expect(await artifacts(task.id, "a")).toHaveLength(2);
  });
});
