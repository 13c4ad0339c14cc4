import { defineHandler, FlowError, flow, fromGraph } from "flowkit";
import { expect, test } from "vitest";
import * as z from "zod";
import { testEngine } from "../../helpers/engines.ts";

const numbers = defineHandler("numbers", {
  args: z.object({ up_to: z.int() }),
  output: z.object({ n: z.int() }),
  *iterBatches({ up_to: last }) {
    for (let n = 1; n <= last; n++) yield { payload: { n } };
  },
});
const double = defineHandler("double", {
  input: z.object({ n: z.int() }),
  output: z.object({ n: z.int() }),
  processBatch: ({ n }) => ({ n: 2 * n }),
});

const json = {
  name: "doubled",
  nodes: [
    { node_id: "numbers", type: "numbers", io: { input_inline: { up_to: { $ref: "params.last" } } } },
    { node_id: "double", type: "double", depends_on: ["numbers"], io: { start_when: "first_batch" } },
  ],
  params_schema: { type: "object", properties: { last: { type: "integer", default: 2 } } },
} as const;

test("a loaded graph runs", async () => {
  const loaded = fromGraph(json, { handlers: [numbers, double] });
  const { engine } = await testEngine(Object.values(loaded.handlers));
  const task = await engine.run(loaded, { params: { last: 3 } });
  expect(await task.result()).toStrictEqual({ double: [{ n: 2 }, { n: 4 }, { n: 6 }] });
  expect(await (await engine.run(loaded)).result()).toStrictEqual({ double: [{ n: 2 }, { n: 4 }] });
  await expect(engine.run(loaded, { params: { last: "x" as never } })).rejects.toThrow("last");
});

test("a loaded graph that the builder extends runs", async () => {
  const longer = fromGraph(json, { handlers: [numbers, double] }).then("again", double);
  const { engine } = await testEngine(Object.values(longer.handlers));
  expect(await (await engine.run(longer)).result()).toStrictEqual({ again: [{ n: 4 }, { n: 8 }] });
});

test("a flow's JSON has the same results as the flow", async () => {
  const written = flow("w")
    .node("numbers", numbers, { args: { up_to: 4 } })
    .then("double", double);
  const loaded = fromGraph(JSON.parse(JSON.stringify(written.compile())), { handlers: written.handlers });
  const { engine } = await testEngine(Object.values(written.handlers));
  expect(await (await engine.run(loaded)).result()).toStrictEqual(await (await engine.run(written)).result());
});

test("without its code, it loads, and run names the types that have no handler", async () => {
  const loaded = fromGraph(json, { handlers: [numbers] });
  const { engine } = await testEngine(Object.values(loaded.handlers));
  const error: unknown = await engine.run(loaded).catch((thrown: unknown) => thrown);
  expect(FlowError.is(error, "GRAPH_INVALID") && error.message).toContain("this engine has no handler 'double'");
});
