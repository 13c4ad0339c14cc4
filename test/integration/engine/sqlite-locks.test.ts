import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { CoordinatorFunctionDefinition } from "../../../src/definitions/index.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { startProgram } from "../../helpers/worker-process.ts";

/** Writes to the file like another process that does not wait, and records the outcome by call site. */
function otherWriter(path: string) {
  const database = new DatabaseSync(path, { timeout: 0 });
  onTestFinished(() => database.close());
  database.exec("PRAGMA synchronous = OFF"); // hundreds of writes, which none needs after the test
  const insert = database.prepare("INSERT INTO registry (kind, id, value, until) VALUES ('worker', ?, '{}', 0)");
  const outcomes = new Map<string, { written: number; locked: number }>();
  let written = 0;
  return {
    outcomes,
    write(place: string): void {
      const outcome = outcomes.get(place) ?? { written: 0, locked: 0 };
      outcomes.set(place, outcome);
      try {
        insert.run(`other-${written++}`);
        outcome.written++;
      } catch {
        outcome.locked++;
      }
    },
  };
}

test("other processes can write the file whatever handler code runs", async () => {
  const path = join(tempFolder(), "runs.db");
  const store = sqliteStore(path);
  await store.open();
  onTestFinished(() => store.close());
  const { outcomes, write } = otherWriter(path);
  const quick = source("quick", numbers(12), {
    setup: () => write("setup"),
    teardown: () => write("teardown"),
    iterBatches: function* () {
      for (const payload of numbers(12)) {
        write("iterBatches");
        yield { payload };
      }
    },
  });
  const sync = handler("sync", {
    loadInput: () => write("loadInput"),
    processBatch: (payload, ctx) => {
      write("processBatch");
      if (payload === 0) ctx.onCleanup(() => write("cleanup"));
      return payload;
    },
    result: z.json(),
    finalize: async (ctx) => {
      for await (const _ of ctx.outputs()) write("finalize");
      return ctx.batchCount;
    },
  });
  const waiting = handler("waiting", {
    async processBatch(payload, ctx) {
      await null; // continues after work that others have started
      write("after a tick");
      await ctx.heartbeat();
      write("after a heartbeat");
      await ctx.checkpoint.set({ payload: payload as number });
      write("after a checkpoint");
      if (ctx.tries === 1 && payload === 7) throw new Error("again");
      return payload;
    },
    classifyError: () => {
      write("classifyError");
      return undefined;
    },
  });
  const fn: CoordinatorFunctionDefinition = {
    kind: "coordinatorFn",
    name: "note",
    args: z.unknown(),
    output: z.json(),
    run: async ({ vars }) => {
      write("function");
      await vars.update((before) => {
        write("update");
        return { ...before, noted: true };
      });
      write("after an update");
      return null;
    },
  };
  await using engine = await createEngine({ handlers: [quick, sync, waiting], coordinatorFns: [fn], store });
  const graph = graphOf(
    node("quick"),
    node("sync", ["quick"], { start: "first_batch" }),
    node("waiting", ["quick"], { start: "first_batch", retry_policy: { max: 3, ...atOnce } }),
    node("note", ["sync"], { fn: "note" }),
  );
  const tasks = await Promise.all(numbers(3).map(() => engine.run(graph)));
  for (const task of tasks) expect(await task.result()).toMatchObject({ note: null });
  expect(Object.fromEntries([...outcomes].filter(([, { locked }]) => locked > 0))).toEqual({});
  const places = [
    ...[
      "setup",
      "iterBatches",
      "loadInput",
      "processBatch",
      "cleanup",
      "finalize",
      "after a tick",
      "after a heartbeat",
    ],
    ...["after a checkpoint", "classifyError", "function", "update", "after an update"],
  ];
  expect([...outcomes.keys()].toSorted()).toEqual(places.toSorted());
});

test("another process can write while a handler computes, even after a quick batch", async () => {
  const path = join(tempFolder(), "runs.db");
  const [computing, written] = [`${path}.computing`, `${path}.written`];
  const store = sqliteStore(path);
  await store.open();
  onTestFinished(() => store.close());
  const other = startProgram("test/integration/engine/programs/store-writer.ts", [path, computing, written]);
  await other.printed("ready");
  let turn = 0;
  let isOver = false;
  const count = () => {
    turn++;
    if (!isOver) setImmediate(count);
  };
  count();
  onTestFinished(() => {
    isOver = true;
  });
  let turnBefore: number | undefined;
  const compute = handler("compute", {
    processBatch() {
      const isFirstOfTurn = turn !== turnBefore;
      turnBefore = turn;
      if (isFirstOfTurn || existsSync(computing)) return "quick";
      writeFileSync(computing, "");
      const end = performance.now() + 200_000; // reached by none but a process that is kept waiting
      while (!existsSync(written)) if (performance.now() > end) return "the other one could not write";
      return "computed";
    },
  });
  await using engine = await createEngine({ handlers: [source("src", numbers(200)), compute], store });
  const task = await engine.run(graphOf(node("src"), node("compute", ["src"])));
  const { compute: said } = await task.result();
  expect(new Set(said as string[])).toEqual(new Set(["quick", "computed"]));
  expect((await other.outcome).exitCode).toBe(0);
});
