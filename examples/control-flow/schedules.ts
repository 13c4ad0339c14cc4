import { setTimeout } from "node:timers/promises";
import { defineHandler, flow, param } from "flowkit";
import { createEngine, memoryStore, type Schedules, tick } from "flowkit/engine";
import * as z from "zod";

const load = defineHandler("load", {
  args: z.object({ day: z.iso.date(), shop: z.string() }),
  output: z.string(),
  *iterBatches({ day, shop }) {
    yield { payload: `${shop} on ${day}` };
  },
});
const poll = defineHandler("poll", {
  output: z.string(),
  *iterBatches() {
    yield { payload: "nothing new" };
  },
});

const etl = flow("etl", { params: z.object({ day: z.iso.date(), shop: z.string() }) }).node("load", load, {
  args: { day: param("day"), shop: param("shop") },
});
const polling = flow("polling").node("poll", poll);

/** Called at each start of the program: a schedule that has not changed keeps its next time. */
async function plan(schedules: Schedules): Promise<void> {
  // Every night in Berlin; of missed nights, the last one is made up.
  await schedules.put("nightly", {
    flow: etl,
    cron: "0 3 * * *",
    timeZone: "Europe/Berlin",
    params: { day: tick.date, shop: "tea" },
  });
  // Every minute; missed runs are not made up.
  await schedules.put("poll", { flow: polling, cron: "* * * * *", overlap: "skip", catchUp: 0 });
  // Every hour, one run at a time, up to a day late.
  await schedules.put("backlog", {
    flow: etl,
    cron: "0 * * * *",
    overlap: "queue",
    catchUp: 24,
    params: { day: tick.date, shop: "pots" },
  });
}

/** On a store whose clock the program sets: the afternoon before Berlin's clock goes back, and some hours later. */
export async function schedules() {
  let now = Date.parse("2026-10-24T13:30:00Z");
  const store = memoryStore({ now: () => now });
  await using engine = await createEngine({ handlers: [load, poll], store, tickMs: 5 });
  await plan(engine.schedules);
  const at = (ms: number) => new Date(ms).toISOString().slice(0, 16);
  const next = {
    nightly: (await engine.schedules.next("nightly", 2)).map(at),
    poll: (await engine.schedules.next("poll", 1)).map(at),
    backlog: (await engine.schedules.next("backlog", 2)).map(at),
  };
  await engine.schedules.pause("backlog");
  await engine.schedules.delete("poll");
  now = Date.parse("2026-10-25T02:00:00Z");
  let taskId: string | undefined;
  while (taskId === undefined) {
    taskId = (await engine.schedules.get("nightly")).last?.taskId;
    await setTimeout(5);
  }
  return { next, nightly: await engine.task(taskId).result(), backlog: (await engine.schedules.get("backlog")).last };
}
