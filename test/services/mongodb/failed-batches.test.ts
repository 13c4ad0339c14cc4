import { expect, inject, test } from "vitest";
import { mongoStore } from "../../../src/adapters/mongo/index.ts";
import { PermanentError } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { collect } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { database, freshPrefix } from "./mongo-world.ts";

needsServices("mongodb");

test("failed batches are read by a node and by a program, and retried", async () => {
  let isRepaired = false;
  const step = handler("step", {
    processBatch: (n) => {
      if (!isRepaired && Number(n) % 2 === 1) throw new PermanentError("refused", `no ${n}`);
      return n;
    },
  });
  const { engine } = await testEngine([source("src", numbers(6)), step, handler("letters"), handler("keep")], {
    store: mongoStore({ url: inject("mongodbUrl"), database, prefix: freshPrefix() }),
  });
  const pull = { adapter: "pull.from_artifacts", batches: { on_failure: "set_aside" } } as const;
  const graph = graphOf(
    node("src"),
    node("step", ["src"], pull),
    node("letters", ["step"], { adapter: "pull.failures", start: "first_batch" }),
    node("keep", ["step"]),
  );

  const task = await engine.run(graph);
  const letter = (n: number) => ({
    uid: String(n),
    reasonCode: "refused",
    message: `no ${n}`,
    tries: 1,
    input: n,
  });
  expect(await task.result()).toEqual({ letters: [1, 3, 5].map(letter), keep: [0, 2, 4] });
  const failed = await collect(engine.failedBatches(task, "step"));
  expect(failed.map(({ shard: _shard, stack: _stack, ...batch }) => batch)).toEqual([1, 3, 5].map(letter));

  isRepaired = true;
  const retried = await engine.retryBatches(task, "step", { uids: ["1", "5"] });
  expect(await retried.result()).toEqual({ letters: [letter(3)], keep: [0, 1, 2, 4, 5] });
});
