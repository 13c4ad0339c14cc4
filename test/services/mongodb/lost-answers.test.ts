import { expect, test } from "vitest";
import { dispatchInit, newTask, shardOf } from "../../contract/store/fixture.ts";
import { needsServices } from "../services.ts";
import { behindProxy } from "./mongo-world.ts";

needsServices("mongodb");

test("a write whose answer was lost returns its own outcome", async () => {
  const { proxy, store, direct } = await behindProxy();
  // The first answer is what it reads, the second that it is written.
  for (const nth of [1, 2]) {
    const [cancelled, finished, queued] = [`c${nth}`, `f${nth}`, `q${nth}`];
    for (const id of [cancelled, finished, queued]) await direct.createTask(newTask(id));
    await direct.dispatch(shardOf("extract", 0, queued), dispatchInit());
    for (const { call, answer } of [
      { call: () => store.cancelTask(cancelled, "enough"), answer: "recorded" },
      { call: () => store.finishTask(finished), answer: true },
      {
        call: () => store.supersede({ ...shardOf("extract", 0, queued), epoch: 1 }),
        answer: expect.objectContaining({ epoch: 2 }),
      },
    ]) {
      let answers = 0;
      proxy.fate = (direction) => (direction === "answer" && ++answers === nth ? "lose" : "pass");
      expect(await call(), `answer ${nth} lost`).toEqual(answer);
    }
  }
  expect(proxy.lost.answers).toBeGreaterThanOrEqual(6);
});
