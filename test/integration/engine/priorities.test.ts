import { expect, test } from "vitest";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node } from "../../helpers/graphs.ts";
import { source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

/** The priorities of tasks in the order in which a worker with one slot runs them; all are queued before the first ends. */
async function orderOf(priorities: readonly number[]): Promise<readonly number[]> {
  const gate = new Gate();
  const order: string[] = [];
  const { engine } = await testEngine(
    [
      source("a", [1], {
        async processBatch(_, { taskId }) {
          order.push(taskId);
          await gate.pass();
          return 1;
        },
      }),
    ],
    { capacity: 1, tickMs: 3_600_000 },
  );
  await engine.run(graphOf(node("a")), { priority: 100 });
  await until(() => order.length === 1);
  const byId = new Map<string, number>();
  for (const priority of priorities) byId.set((await engine.run(graphOf(node("a")), { priority })).id, priority);
  gate.open();
  await until(() => order.length === priorities.length + 1);
  return order.slice(1).map((id) => byId.get(id) ?? Number.NaN);
}

test("no priority starves under a steady load of a higher one", async () => {
  const order = await orderOf([-1, ...Array.from({ length: 60 }, () => 0)]);
  expect(order.indexOf(-1)).toBeLessThan(10);
});

test("each lower priority has its turn", async () => {
  const [many, some] = [Array.from({ length: 60 }, () => 5), Array.from({ length: 20 }, () => 0)];
  const order = await orderOf([-2, -1, ...many, ...some]);
  for (const priority of [0, -1, -2]) expect(order.indexOf(priority)).toBeLessThan(40);
});

test("a higher priority still gets most of the claims, and a task's turn comes in the order of arrival", async () => {
  const many = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? 0 : 1));
  const order = await orderOf(many);
  expect(order.slice(0, 20).filter((priority) => priority === 1).length).toBeGreaterThanOrEqual(17);
});
