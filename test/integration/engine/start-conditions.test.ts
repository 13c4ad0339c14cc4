import { describe, expect, test } from "vitest";
import { noTicks, type TestEngine, testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, paced, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

/** A source that stores its first batch and then waits. */
const halfway = (name: string, gate: Gate) =>
  handler(name, {
    iterBatches: () => paced([`${name}0`, `${name}1`], async (nth) => (nth === 0 ? undefined : gate.pass())),
  });

const statusOf = async (world: TestEngine, taskId: string, nodeId: string): Promise<string> => {
  const [record] = await world.store.readShards(taskId, [nodeId]);
  return record?.status ?? "absent";
};

/** Which of the nodes had finished when the store claimed this one for the first time. */
function finishedAtStart(world: TestEngine, nodeId: string): string[] {
  const finished: string[] = [];
  for (const event of world.writes) {
    if (event.kind !== "shard") continue;
    if (event.record.nodeId === nodeId && event.cause === "dispatch") return finished;
    if (event.cause === "complete") finished.push(event.record.nodeId);
  }
  throw new Error(`${nodeId} never started`);
}

describe("when a node starts", () => {
  test("under first_batch while its source runs, under ready only after it has finished", async () => {
    const gate = new Gate();
    const world = await testEngine([halfway("src", gate), handler("eager"), handler("patient")], noTicks);
    const task = await world.engine.run(
      graphOf(node("src"), node("eager", ["src"], { start: "first_batch" }), node("patient", ["src"])),
    );
    await until(async () =>
      (await world.store.countArtifacts(task.id)).some((each) => each.nodeId === "eager" && each.count === 1),
    );
    expect(await statusOf(world, task.id, "src")).toBe("running");
    expect(await statusOf(world, task.id, "patient")).toBe("absent");
    gate.open();
    expect(await task.result()).toEqual({ eager: ["src0", "src1"], patient: ["src0", "src1"] });
    expect(finishedAtStart(world, "eager")).toEqual([]);
    expect(finishedAtStart(world, "patient")).toContain("src");
  });

  test("fan-in any on the first batch: with one of three parents, and reads all three to their ends", async () => {
    const [gate, never] = [new Gate(), new Gate()];
    const slow = (name: string) => handler(name, { iterBatches: () => paced([name], () => never.pass()) });
    const world = await testEngine([halfway("a", gate), slow("b"), slow("c"), handler("sink")], noTicks);
    const task = await world.engine.run(
      graphOf(node("a"), node("b"), node("c"), node("sink", ["a", "b", "c"], { start: "first_batch", fan_in: "any" })),
    );
    await until(async () => (await statusOf(world, task.id, "sink")) === "running");
    expect(await statusOf(world, task.id, "b")).toBe("running");
    gate.open();
    never.open();
    expect(((await task.result()).sink as string[]).toSorted()).toEqual(["a0", "a1", "b", "c"]);
  });

  test.for([
    { fanIn: "any", start: undefined, needed: 1 },
    { fanIn: "count:2", start: undefined, needed: 2 },
    { fanIn: "all", start: undefined, needed: 3 },
    { fanIn: "any", start: "first_batch", needed: 1 },
    { fanIn: "count:2", start: "first_batch", needed: 2 },
    { fanIn: "all", start: "first_batch", needed: 3 },
  ] as const)(
    "fan-in $fanIn, start $start: as soon as $needed of three parents satisfy it, and not before",
    async (how) => {
      const gates = numbers(3).map(() => new Gate());
      // Under first_batch, a running parent satisfies the condition: its end waits for a separate gate.
      const end = new Gate();
      const parent = (nth: number) =>
        handler(`p${nth}`, {
          iterBatches: () =>
            paced([nth, nth], async (batch) => {
              if (batch === 0) await gates[nth]?.pass();
              else if (how.start !== undefined) await end.pass();
            }),
        });
      const world = await testEngine([parent(0), parent(1), parent(2), handler("sink")], noTicks);
      const task = await world.engine.run(
        graphOf(
          node("p0"),
          node("p1"),
          node("p2"),
          node("sink", ["p0", "p1", "p2"], {
            fan_in: how.fanIn,
            ...(how.start === undefined ? {} : { start: how.start }),
          }),
        ),
      );
      for (const nth of [2, 0, 1].slice(0, how.needed)) {
        expect(await statusOf(world, task.id, "sink")).toBe("absent");
        gates[nth]?.open();
        await until(async () =>
          how.start === undefined
            ? (await statusOf(world, task.id, `p${nth}`)) === "finished"
            : world.store.hasArtifacts(task.id, `p${nth}`),
        );
      }
      await until(async () => (await statusOf(world, task.id, "sink")) !== "absent", "the start of the sink");
      for (const gate of gates) gate.open();
      end.open();
      expect(await task.result()).toEqual({ sink: expect.arrayContaining([0, 0, 1, 1, 2, 2]) });
    },
  );

  test("a gather under any receives only the parents that satisfied the start condition", async () => {
    const gate = new Gate();
    const world = await testEngine(
      [
        source("quick", [1, 2]),
        handler("slow", { iterBatches: () => paced([3], () => gate.pass()) }),
        handler("join"),
        handler("wait"),
      ],
      noTicks,
    );
    const task = await world.engine.run(
      graphOf(
        node("quick"),
        node("slow"),
        node("join", ["quick", "slow"], { fan_in: "any", adapter: "pull.gather" }),
        node("wait", ["join", "slow"], { adapter: "pull.gather", adapterArgs: { from: { j: "join", s: "slow" } } }),
      ),
    );
    await until(async () => (await statusOf(world, task.id, "join")) === "finished");
    gate.open();
    expect(await task.result()).toEqual({ wait: [{ j: [{ quick: [1, 2] }], s: [3] }] });
  });

  test("a gather's choice is made by the dispatch, also for a retry that could see more", async () => {
    const gate = new Gate();
    let attempts = 0;
    const world = await testEngine([
      source("quick", [1]),
      handler("slow", { iterBatches: () => paced([2], () => gate.pass()) }),
      handler("join", {
        async loadInput(_args, ctx) {
          attempts++;
          if (ctx.epoch > 1) return;
          gate.open();
          await until(async () => (await statusOf(world, ctx.taskId, "slow")) === "finished");
          throw new Error("once");
        },
      }),
    ]);
    const task = await world.engine.run(
      graphOf(
        node("quick"),
        node("slow"),
        node("join", ["quick", "slow"], { fan_in: "any", adapter: "pull.gather", retry_policy: { backoff_sec: 0 } }),
      ),
    );
    expect(await task.result()).toEqual({ join: [{ quick: [1] }] });
    expect(attempts).toBe(2);
  });

  test("a diamond of many layers: each node starts once, after its parents", async () => {
    const layers = numbers(8).map((layer) => numbers(3).map((nth) => `n${layer}_${nth}`));
    const ids = layers.flat();
    const handlers = ids.map((id) => handler(id, { processBatch: () => id }));
    const world = await testEngine(handlers, noTicks);
    const task = await world.engine.run(
      graphOf(
        ...layers.flatMap((layer, at) =>
          layer
            .map((id) => node(id, layers[at - 1] ?? [], { adapter: "pull.gather" }))
            .map((each) => (at === 0 ? { node_id: each.node_id, type: each.type, depends_on: [] } : each)),
        ),
      ),
    );
    await task.result();
    for (const [at, layer] of layers.entries()) {
      for (const id of layer) expect(finishedAtStart(world, id)).toEqual(expect.arrayContaining(layers[at - 1] ?? []));
    }
    const claims = world.writes.filter((event) => event.kind === "shard" && event.cause === "claim");
    expect(claims).toHaveLength(ids.length);
  });
});
