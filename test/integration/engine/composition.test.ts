import { expectTypeOf } from "expect-type";
import { defineCoordinatorFn, defineHandler, flow, fromGraph, param } from "flowkit";
import { expect, test } from "vitest";
import * as z from "zod";
import { testEngine } from "../../helpers/engines.ts";

const Numbers = z.object({ numbers: z.array(z.number()) });
const read = defineHandler("read", {
  output: Numbers,
  *iterBatches() {
    yield { payload: { numbers: [1, 2] } };
    yield { payload: { numbers: [3] } };
  },
});
const scale = defineHandler("scale", {
  args: z.object({ by: z.number() }),
  input: Numbers,
  output: Numbers,
  processBatch: ({ numbers }, { args }) => ({ numbers: numbers.map((number) => number * args.by) }),
});
const compare = defineHandler("compare", {
  input: z.object({ raw: z.array(Numbers), scale: z.array(Numbers) }),
  output: z.object({ raw: z.number(), scaled: z.number() }),
  result: z.object({ compared: z.boolean() }),
  processBatch: ({ raw, scale: scaled }) => ({ raw: sum(raw), scaled: sum(scaled) }),
  finalize: () => ({ compared: true }),
});
const countOf = defineCoordinatorFn("count.of", {
  args: z.object({ node: z.string() }),
  output: z.object({ artifacts: z.number() }),
  nodeArgs: ["node"],
  async run({ args, artifacts }) {
    let count = 0;
    for await (const _ of artifacts(args.node)) count++;
    return { artifacts: count };
  },
});

const sum = (lists: readonly { readonly numbers: readonly number[] }[]): number =>
  lists.flatMap(({ numbers }) => numbers).reduce((total, number) => total + number, 0);

const scaling = flow("scaling", { inputs: { raw: Numbers }, params: z.object({ by: z.number() }) })
  .then("scale", scale, { args: { by: param("by") }, startWhen: "first_batch" })
  .node("compare", compare, { after: ["raw", "scale"], input: { adapter: "pull.gather" } })
  .fn("count", countOf, { after: ["scale"], args: { node: "scale" } });
const twice = flow("twice", { inputs: { raw: Numbers }, params: z.object({ by: z.number() }) })
  .use("once", scaling, { inputs: { raw: "raw" } })
  .use("again", scaling, { inputs: { raw: "once.scale" } });
const whole = flow("whole", { params: z.object({ by: z.number(), day: z.string().optional() }) })
  .node("read", read)
  .use("eu", twice, { inputs: { raw: "read" } })
  .use("us", scaling, { inputs: { raw: "read" } });

test("the nodes of a subflow run as the flow's own", async () => {
  const { engine } = await testEngine(Object.values(whole.handlers), { coordinatorFns: whole.coordinatorFns });
  const task = await engine.run(whole, { params: { by: 10 } });
  const result = await task.result();
  expectTypeOf(result).toEqualTypeOf<{
    readonly "eu.once.compare": { compared: boolean };
    readonly "eu.once.count": { artifacts: number };
    readonly "eu.again.compare": { compared: boolean };
    readonly "eu.again.count": { artifacts: number };
    readonly "us.compare": { compared: boolean };
    readonly "us.count": { artifacts: number };
  }>();
  expect(result).toEqual({
    "eu.once.compare": { compared: true },
    "eu.once.count": { artifacts: 2 },
    "eu.again.compare": { compared: true },
    "eu.again.count": { artifacts: 2 },
    "us.compare": { compared: true },
    "us.count": { artifacts: 2 },
  });
  const compared: { raw: number; scaled: number }[] = [];
  for await (const output of task.artifacts("eu.again.compare")) compared.push(output);
  for await (const output of task.artifacts("us.compare")) compared.push(output);
  expect(compared).toEqual([
    { raw: 60, scaled: 600 },
    { raw: 6, scaled: 60 },
  ]);
});

test("a loaded graph can be a subflow", async () => {
  const loaded = fromGraph(
    {
      nodes: [
        { node_id: "read", type: "read" },
        { node_id: "scale", type: "scale", depends_on: ["read"], io: { input_inline: { by: 2 } } },
      ],
    },
    { handlers: [read, scale] },
  );
  const outer = flow("outer")
    .use("old", loaded)
    .then("more", scale, { args: { by: 10 } });
  const { engine } = await testEngine(Object.values(outer.handlers));
  const result = await (await engine.run(outer)).result();
  expectTypeOf(result).toEqualTypeOf<{ readonly more: { numbers: number[] }[] }>();
  expect(result).toEqual({ more: [{ numbers: [20, 40] }, { numbers: [60] }] });
});

test("a flow with inputs cannot run by itself", async () => {
  const { engine } = await testEngine(Object.values(scaling.handlers));
  // @ts-expect-error
  const refused = engine.run(scaling, { params: { by: 1 } });
  await expect(refused).rejects.toMatchObject({
    code: "FLOW_INVALID",
    message: expect.stringContaining("this flow has inputs (raw): use it in another flow"),
  });
});
