import { expect, test } from "vitest";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { collect, until } from "../../helpers/waiting.ts";

/** Yields `epoch:n`; its first attempts fail before their last batch, once the consumers have read what is there. */
const restarting = (failures: number, consumersHaveRead: (epoch: number) => boolean) =>
  handler("src", {
    resumable: false,
    async *iterBatches(_args, ctx) {
      for (const n of numbers(4)) {
        if (ctx.epoch <= failures && n === 3) {
          await until(() => consumersHaveRead(ctx.epoch), "the consumers to have read what there is");
          throw new Error("again");
        }
        yield { payload: `${ctx.epoch}:${n}` };
      }
    },
  });

test("a source that cannot resume restarts its output, and so does every consumer downstream", async () => {
  const seen = new Set<unknown>();
  const note = (payload: unknown) => {
    seen.add(payload);
    return payload;
  };
  const { engine, record } = await testEngine([
    restarting(2, (epoch) => seen.has(`${epoch}:2`)),
    handler("mid"),
    handler("sink", { processBatch: note, finalize: (ctx) => ctx.metrics.add("batches", ctx.batchCount) }),
  ]);
  const task = await engine.run(
    graphOf(
      node("src", [], { retry_policy: { ...atOnce, max: 3 } }),
      node("mid", ["src"], { start: "first_batch" }),
      node("sink", ["mid"], { start: "first_batch" }),
    ),
  );
  expect(await task.result()).toEqual({ sink: numbers(4).map((n) => `3:${n}`) });
  expect(seen).toContain("1:0"); // what was withdrawn had been read
  for (const id of ["src", "mid", "sink"]) expect(await record(task.id, id)).toMatchObject({ generation: 2, count: 4 });
  expect((await task.status()).nodes.at(-1)).toMatchObject({ batches: 4, metrics: { batches: 4 } });
});

test("a restart of one of two sources also withdraws output from the other, and nothing is duplicated", async () => {
  const seen = new Set<unknown>();
  const { engine } = await testEngine([
    restarting(1, () => seen.has("1:2") && seen.has("b1")),
    source("b", ["b0", "b1"]),
    handler("sink", {
      processBatch: (payload) => {
        seen.add(payload);
        return payload;
      },
    }),
  ]);
  const task = await engine.run(
    graphOf(node("src", [], { retry_policy: atOnce }), node("b"), node("sink", ["src", "b"], { start: "first_batch" })),
  );
  const { sink } = await task.result();
  expect((sink as string[]).toSorted()).toEqual(["2:0", "2:1", "2:2", "2:3", "b0", "b1"]);
});

test("a consumer that cannot resume processes every batch again, and stores each once", async () => {
  const processed: unknown[] = [];
  const { engine, record } = await testEngine([
    source("src", numbers(4)),
    handler("once", {
      resumable: false,
      processBatch: (n) => {
        processed.push(n);
        return n;
      },
      finalize: ({ epoch }) => {
        if (epoch === 1) throw new Error("again");
      },
    }),
    handler("sink"),
  ]);
  const task = await engine.run(
    graphOf(
      node("src"),
      node("once", ["src"], { retry_policy: atOnce }),
      node("sink", ["once"], { start: "first_batch" }),
    ),
  );
  expect(await task.result()).toEqual({ sink: numbers(4) });
  expect(processed).toEqual([...numbers(4), ...numbers(4)]);
  expect(await record(task.id, "once")).toMatchObject({ generation: 1, epoch: 2 });
});

test("a reader of artifacts gets an error if what it read was withdrawn, and everything when it reads again", async () => {
  const got: unknown[] = [];
  const { engine } = await testEngine([restarting(1, () => got.length === 3)]);
  const task = await engine.run(graphOf(node("src", [], { retry_policy: atOnce })));
  const reading = (async () => {
    for await (const each of task.artifacts("src")) got.push(each);
  })();
  await expect(reading).rejects.toMatchObject({ code: "ARTIFACTS_RESTARTED", retryable: true });
  expect(got).toEqual(["1:0", "1:1", "1:2"]);
  expect(await collect(task.artifacts("src"))).toEqual(numbers(4).map((n) => `2:${n}`));
});

test("a source that restarts and then yields nothing leaves its consumers without input", async () => {
  const seen: unknown[] = [];
  const src = handler("src", {
    resumable: false,
    async *iterBatches(_args, ctx) {
      if (ctx.epoch > 1) return;
      yield { payload: "gone" };
      await until(() => seen.length === 1, "the consumer to have read the first batch");
      throw new Error("again");
    },
  });
  const { engine, record } = await testEngine([
    src,
    handler("sink", {
      processBatch: (payload) => {
        seen.push(payload);
        return payload;
      },
    }),
  ]);
  const task = await engine.run(
    graphOf(node("src", [], { retry_policy: atOnce }), node("sink", ["src"], { start: "first_batch" })),
  );
  expect(await task.result()).toEqual({ sink: [] });
  expect(await record(task.id, "sink")).toMatchObject({ count: 0, generation: 1 });
});
