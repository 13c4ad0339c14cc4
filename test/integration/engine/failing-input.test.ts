import { expect, test } from "vitest";
import { PlanCache } from "../../../src/core/plan/index.ts";
import { systemClock } from "../../../src/core/ports/system.ts";
import { StoreRetry } from "../../../src/core/resilience/store-retry.ts";
import { failingInput } from "../../../src/core/tasks/failed-batches.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";

/* The content of the batch that failed its node, depending on how the node reads its sources. */

const fails = (isBad: (payload: unknown) => boolean) =>
  handler("step", {
    processBatch(payload: unknown) {
      if (isBad(payload)) throw new PermanentError("bad");
      return payload;
    },
  });

const sized = { adapter: "pull.from_artifacts.rechunk:size", adapterArgs: { size: 2, meta_list_key: "rows" } };

test.for([
  ["of several sources, a page after the first", { from: 300, bad: (n: unknown) => n === 299 }, 299],
  ["a chunk of an artifact", { from: 1, bad: (rows: unknown) => `${rows}` === "3", input: sized, rows: true }, [3]],
  ["gathered", { from: 2, bad: () => true, input: { adapter: "pull.gather" } }, { src: [0, 1], other: [7] }],
] as const)("%s", async ([, { from, bad, ...more }, expected]) => {
  const rows = { rows: [1, 2, 3] };
  const payloads = "rows" in more ? [rows] : numbers(from);
  const { engine, store } = await testEngine([
    source("src", payloads),
    source("other", "rows" in more ? [] : [7]),
    fails(bad),
  ]);
  const task = await engine.run(
    graphOf(node("src"), node("other"), node("step", ["src", "other"], "input" in more ? more.input : {})),
  );
  await expect(task.result()).rejects.toThrow("bad");
  const failed = (await task.status()).failure;
  const parts = { store, retry: new StoreRetry(systemClock()), plans: new PlanCache(), inputAdapters: new Map() };
  const of = { taskId: task.id, nodeId: "step", uid: failed?.batchUid ?? "none" };
  expect(await failingInput(parts, of)).toEqual({ input: expected });
  expect(await failingInput(parts, { ...of, nodeId: "src" })).toEqual({
    missing: "its node made it itself, and does not store it; retrying the task makes it again",
  });
});
