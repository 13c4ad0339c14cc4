import { expect, test } from "vitest";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { needsServices } from "../services.ts";
import { ForeignWorker } from "./foreign-worker.ts";
import { ownDatabase, ownSide, ownTypes } from "./world.ts";

needsServices("kafka", "mongodb");

const pages = [{ page: 1 }, { page: 2 }, { page: 3 }];

test("ours -> foreign -> ours: a foreign worker reads what ours stored, and ours reads what it stored", async () => {
  const types = ownTypes();
  const { database, db } = ownDatabase();
  const foreign = await ForeignWorker.open(types.ocr, {
    db,
    work: async (attempt) => {
      await attempt.accept();
      for (const { batch_uid, meta } of await attempt.read()) {
        await attempt.storeAndTell(`ocr-${batch_uid}`, { text: `page ${meta.page}, ${attempt.input.lang}` });
      }
      await attempt.done({ pages: 3 });
    },
  });
  const { coordinators } = await ownSide({
    database,
    types: Object.values(types),
    foreign: types.ocr,
    handlers: [source(types.read, pages), handler(types.keep)],
  });
  const graph = graphOf(
    node("read", [], { type: types.read }),
    node("ocr", ["read"], { type: types.ocr, args: { lang: "en" } }),
    node("keep", ["ocr"], { type: types.keep, start: "first_batch" }),
  );
  const task = await coordinators[0].run(graph);
  expect(await task.result()).toEqual({
    keep: [{ text: "page 1, en" }, { text: "page 2, en" }, { text: "page 3, en" }],
  });
  expect(foreign.commands).toMatchObject([
    {
      v: 1,
      msg_type: "cmd",
      role: "coordinator",
      step_type: types.ocr,
      attempt_epoch: 1,
      payload: {
        cmd: "TASK_START",
        input_inline: { lang: "en", input_adapter: "pull.from_artifacts", input_args: { from_nodes: ["read"] } },
      },
    },
  ]);
  expect(foreign.cancels).toEqual([]);
});
