import { expect, test } from "vitest";
import * as z from "zod";
import { defineHandler, flow } from "../../../src/index.ts";
import type { LogPage } from "../../../src/studio/api.ts";
import { Gate, until } from "../../helpers/waiting.ts";
import { type NewPlace, openPlace } from "./fixture.ts";

/** `chatty` logs at once, and again behind the gate; its first attempt fails after that. */
function chattyFlow(gate: Gate) {
  let attempts = 0;
  const chatty = defineHandler("chatty", {
    output: z.int(),
    async *iterBatches(_, ctx) {
      attempts++;
      ctx.logger.info({ attempt: attempts }, "begins");
      await gate.pass(ctx.signal);
      ctx.logger.warn({}, "<b>slow</b>");
      if (attempts === 1) throw new Error("the first attempt fails");
      for (let n = 0; n < 260; n++) ctx.logger.info({}, `step ${n}`);
      yield { payload: 1 };
    },
  });
  const quiet = defineHandler("quiet", {
    input: z.int(),
    output: z.int(),
    processBatch(n, ctx) {
      ctx.logger.warn({ n }, "not so quiet");
      return n;
    },
  });
  return {
    flow: flow("chat")
      .node("chatty", chatty, { retry: { max: 1, backoffSec: 0 } })
      .then("quiet", quiet),
  };
}

/** The log lines of the handlers of a task. */
export function logContract(newPlace: NewPlace): void {
  test("log lines are read by node, page by page, and followed while the task runs", async () => {
    const gate = new Gate();
    const given = chattyFlow(gate);
    const { engine, studio: openStudio } = await openPlace(newPlace(), given);
    const studio = await openStudio([given]);
    const task = await engine.run(given.flow);
    const read = async (nodeId: string, query = "") => {
      const answer = await studio.ask(`/api/tasks/${task.id}/nodes/${nodeId}/logs${query}`);
      expect(answer.status, answer.text).toBe(200);
      return answer.json as LogPage;
    };
    let first = await read("chatty");
    await until(async () => {
      first = await read("chatty");
      return first.items.length > 0;
    }, "the first line");
    expect(first).toMatchObject({
      items: [{ level: "info", shard: 0, epoch: 1, n: 1, message: "begins", fields: { attempt: 1 } }],
      hasMore: false,
      dropped: 0,
    });
    expect(first.items[0]).not.toHaveProperty("nodeId");

    gate.open();
    await task.wait();
    // Lines are stored in the background, those of the last node last.
    await until(async () => (await read("quiet")).items.length > 0, "the last line");
    const rest: LogPage["items"][number][] = [];
    let page = first;
    do {
      page = await read("chatty", `?cursor=${page.cursor}&limit=100`);
      expect(page.items.length).toBeLessThanOrEqual(100);
      rest.push(...page.items);
    } while (page.hasMore);
    // An attempt keeps its newest 250 lines: of the second, 12 have been dropped.
    expect(rest).toHaveLength(251);
    expect(rest[0]).toMatchObject({ level: "warn", epoch: 1, n: 2, message: "<b>slow</b>" });
    expect(rest[1]).toMatchObject({ epoch: 2, n: 13, message: "step 10" });
    expect(rest.at(-1)).toMatchObject({ level: "info", epoch: 2, n: 262, message: "step 259" });
    expect(page.dropped).toBe(12);
    expect((await read("quiet")).items).toMatchObject([{ level: "warn", message: "not so quiet", fields: { n: 1 } }]);
    expect(await read("chatty", `?cursor=${page.cursor}`)).toMatchObject({ items: [], hasMore: false });
    expect(await studio.ask(`/api/tasks/${task.id}/nodes/chaty/logs`)).toMatchObject({
      status: 404,
      json: { code: "NODE_UNKNOWN" },
    });
  });
}
