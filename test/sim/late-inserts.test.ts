import { expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../src/adapters/memory/index.ts";
import { testEngine } from "../helpers/engines.ts";
import { node, parsed } from "../helpers/graphs.ts";
import { handler } from "../helpers/handlers.ts";
import { Gate, until } from "../helpers/waiting.ts";

test("a late insert of an earlier attempt does not become part of the log of a non-resumable handler", async () => {
  const state = new MemoryState();
  const insert = new Gate();
  const zombie = memoryStore({
    state,
    step: async (label) => {
      if (label === "append:insert") await insert.pass();
    },
  });
  const graph = parsed(node("source"));
  await zombie.createTask({ id: "t", graph, params: {}, priority: 0 });
  const ref = { taskId: "t", nodeId: "source", shard: 0 };
  await zombie.dispatch(ref, { type: "source", priority: 0 });
  const first = { ...ref, epoch: 1, claimId: "zombie" };
  await zombie.claim(first, { workerId: "zombie", claimId: "zombie", leaseMs: 1 });
  const origin = { source: "", seq: 0, chunk: 0 };
  const landing = zombie.append(first, 0, { seq: 0, uid: "old", origin, meta: "of epoch 1", metrics: {} });
  await until(() => insert.arrived === 1);

  // The lease has expired. The next attempt finds an empty log; the insert lands while it produces its first batch.
  const source = handler("source", {
    resumable: false,
    async *iterBatches(_args, ctx) {
      insert.open();
      expect(await landing).toBe("ok");
      for (const name of ["a", "b"]) yield { uid: name, payload: `of epoch ${ctx.epoch}` };
    },
  });
  const { engine } = await testEngine([source], { state, sweepMs: 20 });
  expect(await engine.task("t").result()).toEqual({ source: ["of epoch 2", "of epoch 2"] });
});
