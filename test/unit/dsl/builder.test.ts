import { defineHandler, FlowError, flow } from "flowkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { cpuMsOf } from "../../helpers/cpu-time.ts";

const step = defineHandler("step", {
  input: z.object({ n: z.int() }),
  output: z.object({ n: z.int() }),
  processBatch: (payload) => payload,
});

describe("a flow", () => {
  test("is immutable: two continuations of one flow do not affect each other", () => {
    const start = flow().node("a", step, { args: { n: 1 } });
    const left = start.then("left", step);
    const right = start.then("right", step);
    const ids = (graph: { nodes: readonly { node_id: string }[] }) => graph.nodes.map((node) => node.node_id);
    expect(ids(left.compile())).toEqual(["a", "left"]);
    expect(ids(right.compile())).toEqual(["a", "right"]);
    expect(ids(start.compile())).toEqual(["a"]);
  });

  test("continues with `then` from the node before, of any kind, and `next` does the same", () => {
    const etl = flow()
      .node("a", step, { args: { n: 1 } })
      .next("b", step)
      .node("c", step, { after: ["a"] })
      .then("d", step)
      .then("e", step, { after: ["a", "b"] });
    expect(etl.compile().edges).toEqual([
      ["a", "b"],
      ["a", "c"],
      ["c", "d"],
      ["a", "e"],
      ["b", "e"],
    ]);
  });

  test("cannot be awaited by mistake", async () => {
    const etl = flow().node("a", step, { args: { n: 1 } });
    const awaited = async () => await (etl as unknown);
    await expect(awaited()).rejects.toMatchObject({
      code: "FLOW_AWAITED",
      message: expect.stringContaining("promise"),
    });
    const returned = async () => etl as unknown;
    await expect(returned()).rejects.toSatisfy((error) => FlowError.is(error, "FLOW_AWAITED"));
  });

  test("of ten thousand nodes is built and compiled in linear time", () => {
    const timeOf = (nodes: number): number =>
      cpuMsOf(() => {
        let chain = flow("long").node("n0", step, { args: { n: 1 } }) as unknown as Chain;
        for (let i = 1; i < nodes; i++) chain = chain.then(`n${i}`, step);
        expect(chain.compile().nodes).toHaveLength(nodes);
      });
    timeOf(1000); // the compiler of JavaScript warms up
    const [short, long] = [timeOf(1000), timeOf(10_000)];
    expect(long).toBeLessThan(Math.max(50, short) * 30);
  });
});

interface Chain {
  then(id: string, handler: typeof step): Chain;
  compile(): { readonly nodes: readonly unknown[] };
}
