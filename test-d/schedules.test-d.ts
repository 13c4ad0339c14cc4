import { expectTypeOf } from "expect-type";
import { defineHandler, flow, param } from "flowkit";
import { Client, createEngine, memoryStore, type Schedule, tick } from "flowkit/engine";
import * as z from "zod";

const load = defineHandler("load", {
  args: z.object({ day: z.string(), limit: z.int() }),
  output: z.string(),
  iterBatches: () => [],
});
const other = defineHandler("other", { output: z.string(), iterBatches: () => [] });
const params = z.object({ day: z.string(), limit: z.int().default(10), mode: z.enum(["full", "delta"]).optional() });
const nightly = flow("nightly", { params }).node("load", load, { args: { day: param("day"), limit: param("limit") } });
const plain = flow("plain").node("other", other);

const engine = await createEngine({ handlers: [load] });
const client = new Client({ store: memoryStore(), workerTypes: ["load", "other"] });
const cron = "0 3 * * *";

// ---- a tick stands for a text of the flow's parameters
expectTypeOf(engine.schedules.put("n", { flow: nightly, cron, params: { day: tick.date } })).toEqualTypeOf<
  Promise<Schedule>
>();
await engine.schedules.put("n", { flow: nightly, cron, params: { day: "2026-11-29", limit: 5 }, overlap: "queue" });
await client.schedules.put("n", { flow: plain, cron, timeZone: "Europe/Berlin", catchUp: 3 });
// @ts-expect-error -- a number
await engine.schedules.put("n", { flow: nightly, cron, params: { day: tick.date, limit: tick.date } });
// @ts-expect-error -- one of two texts
await engine.schedules.put("n", { flow: nightly, cron, params: { day: tick.date, mode: tick.date } });
// @ts-expect-error -- day is missing
await engine.schedules.put("n", { flow: nightly, cron, params: {} });
// @ts-expect-error -- params are missing
await engine.schedules.put("n", { flow: nightly, cron });
// @ts-expect-error -- no such rule
await client.schedules.put("n", { flow: plain, cron, overlap: "wait" });
// @ts-expect-error -- the engine lacks the handler
await engine.schedules.put("n", { flow: plain, cron });
