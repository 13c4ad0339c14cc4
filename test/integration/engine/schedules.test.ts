import { expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import { silentLogger } from "../../../src/definitions/index.ts";
import { defineHandler, flow, param } from "../../../src/dsl/index.ts";
import { createEngine, type Engine, tick } from "../../../src/engine/index.ts";
import { FlowError } from "../../../src/errors/index.ts";
import { Gate, until } from "../../helpers/waiting.ts";

const at = (text: string): number => Date.parse(text);

/** A store whose time the test sets, and engines on it that poll continuously. */
function world(start: string) {
  const state = new MemoryState();
  const days: string[] = [];
  let now = at(start);
  let gate: Gate | undefined;
  const load = defineHandler("load", {
    args: z.object({ day: z.string() }),
    output: z.string(),
    async *iterBatches(args) {
      days.push(args.day);
      await gate?.pass();
      yield { payload: args.day };
    },
  });
  const nightly = flow("nightly", { params: z.object({ day: z.string() }) }).node("load", load, {
    args: { day: param("day") },
  });
  const store = () => memoryStore({ state, now: () => now });
  return {
    days,
    nightly,
    store,
    async engine(given: Store = store()) {
      const engine = await createEngine({
        handlers: nightly.handlers,
        store: given,
        tickMs: 5,
        leaseMs: 86_400_000,
        logger: silentLogger,
      });
      onTestFinished(() => engine.stop());
      return engine;
    },
    set(text: string) {
      now = at(text);
    },
    hold() {
      gate = new Gate();
      return gate;
    },
  };
}

const everyNight = { cron: "0 3 * * *", timeZone: "Europe/Berlin", params: { day: tick.date } } as const;
const nightOf = (text: string) => at(`${text}T02:00Z`);

/** Resolves when the schedule has handled everything up to now. */
async function settled(engine: Engine, id: string, nextAt: number): Promise<void> {
  await until(async () => (await engine.schedules.get(id)).nextAt === nextAt);
}

test("a schedule starts a task at each of its times, once, however many coordinators there are", async () => {
  const { engine, nightly, days, set } = world("2026-11-28T12:00Z");
  const [one, two] = [await engine(), await engine()];
  const put = await one.schedules.put("nightly", { flow: nightly, ...everyNight });
  expect(put).toMatchObject({ id: "nightly", flow: "nightly", nextAt: nightOf("2026-11-29"), paused: false });
  for (const day of ["2026-11-29", "2026-11-30", "2026-12-01"]) {
    set(`${day}T02:00Z`);
    await settled(two, "nightly", nightOf(day) + 86_400_000);
    const { last } = await two.schedules.get("nightly");
    expect(await one.task(last?.taskId ?? "").result()).toEqual({ load: [day] });
  }
  expect(days).toEqual(["2026-11-29", "2026-11-30", "2026-12-01"]);
  expect((await one.list()).items).toHaveLength(3);
});

test("missed runs are made up, as many as catchUp, the newest ones, each with its own day", async () => {
  const { engine, nightly, days, set } = world("2026-11-28T12:00Z");
  const first = await engine();
  const queue = { flow: nightly, ...everyNight, overlap: "queue" } as const;
  await first.schedules.put("all", { ...queue, catchUp: 7 });
  await first.schedules.put("two", { ...queue, catchUp: 2 });
  await first.schedules.put("none", { ...queue, overlap: "skip", catchUp: 0 });
  await first.stop();
  set("2026-12-03T12:00Z");
  const second = await engine();
  await second.schedules.put("all", { ...queue, catchUp: 7 }); // as at the start of a program
  for (let second = 0; days.length < 7; second++) {
    // A waiting run is checked each second: a clock that was set back would delay the next check.
    set(new Date(Date.parse("2026-12-03T12:01Z") + Math.min(second, 36_000) * 1_000).toISOString());
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const id of ["all", "two", "none"]) await settled(second, id, nightOf("2026-12-04"));
  const missed = ["2026-11-29", "2026-11-30", "2026-12-01", "2026-12-02", "2026-12-03"];
  expect(days.toSorted()).toEqual([...missed, ...missed.slice(-2)].toSorted());
  expect(await second.schedules.get("two")).toMatchObject({ missed: 3, skipped: 0 });
  expect(await second.schedules.get("none")).toMatchObject({ missed: 5 });
});

test.each([
  ["skip", [2, 4]],
  ["queue", [2, 3, 4]],
  ["replace", [2, 3, 4]],
  ["allow", [2, 3, 4]],
] as const)("overlap %s", async (overlap, expected) => {
  const { engine, nightly, days, set, hold } = world("2026-11-29T01:30Z");
  const one = await engine();
  await one.schedules.put("n", { flow: nightly, cron: "0 * * * *", params: { day: tick.dueAt }, overlap });
  const gate = hold();
  set("2026-11-29T02:00Z");
  await until(() => days.length === 1);
  const first = (await one.schedules.get("n")).last?.taskId ?? "";
  set("2026-11-29T03:00:00Z");
  if (overlap === "skip") await until(async () => (await one.schedules.get("n")).skipped === 1);
  if (overlap === "allow") await until(() => days.length === 2);
  if (overlap === "replace") await until(async () => (await one.task(first).status()).status === "cancelling");
  expect(days).toHaveLength(overlap === "allow" ? 2 : 1);
  gate.open();
  /**
   * Advances time until the schedule has handled everything: a run that waits for another one is checked again after a
   * second.
   */
  const settledFrom = async (from: string, nextAt: string) => {
    let polls = 0;
    await until(async () => {
      set(new Date(at(from) + 100 * polls++).toISOString());
      return (await one.schedules.get("n")).nextAt === at(nextAt);
    });
  };
  const isOpen = async (taskId = "") => (await one.task(taskId).status()).endedAt === undefined;
  await until(async () => !(await isOpen(first)));
  await settledFrom("2026-11-29T03:00Z", "2026-11-29T04:00Z");
  await until(async () => !(await isOpen((await one.schedules.get("n")).last?.taskId)));
  await settledFrom("2026-11-29T04:00Z", "2026-11-29T05:00Z");
  await until(() => days.length === expected.length);
  expect(days).toEqual(expected.map((hour) => `2026-11-29T0${hour}:00:00.000Z`));
});

test("a crash between the task and the schedule's record starts no second task", async () => {
  const { engine, nightly, set, store } = world("2026-11-28T12:00Z");
  const flaky = store();
  let created = 0;
  const createTask = flaky.createTask.bind(flaky);
  const updateEntry = flaky.updateEntry.bind(flaky);
  flaky.createTask = (task) => {
    created++;
    return createTask(task);
  };
  let failures = 3;
  flaky.updateEntry = (key, judge) => {
    if (created === 0 || failures-- <= 0) return updateEntry(key, judge);
    throw new FlowError("STORE_UNAVAILABLE", "lost", { retryable: true });
  };
  const one = await engine(flaky);
  await one.schedules.put("n", { flow: nightly, ...everyNight });
  set("2026-11-29T02:00Z");
  await settled(one, "n", nightOf("2026-11-30"));
  expect(created).toBeGreaterThan(1);
  expect((await one.list()).items).toHaveLength(1);
});

test("pause, resume, next, list and delete", async () => {
  const { engine, nightly, days, set } = world("2026-11-28T12:00Z");
  const one = await engine();
  const { schedules } = one;
  await schedules.put("n", { flow: nightly, ...everyNight, params: { day: "fixed" } });
  expect(await schedules.pause("n")).toMatchObject({ paused: true, params: { day: "fixed" } });
  set("2026-11-30T12:00Z");
  expect(await schedules.put("n", { flow: nightly, ...everyNight })).toMatchObject({ paused: true });
  expect(await schedules.next("n", 2)).toEqual([nightOf("2026-12-01"), nightOf("2026-12-02")]);
  expect(await schedules.resume("n")).toMatchObject({ paused: false, nextAt: nightOf("2026-12-01"), missed: 0 });
  expect((await schedules.list()).items).toEqual([await schedules.get("n")]);
  await schedules.delete("n");
  await expect(schedules.get("n")).rejects.toThrow(
    expect.objectContaining({ code: "SCHEDULE_UNKNOWN", message: "there is no schedule 'n'" }),
  );
  expect(days).toEqual([]);
});

test("a schedule that could start nothing is refused when it is put", async () => {
  const { engine, nightly } = world("2026-11-28T12:00Z");
  const { schedules } = await engine();
  const refused = (options: object) =>
    schedules
      .put("n", { flow: nightly, ...everyNight, ...options } as never)
      .then(String, ({ code, message }) => `${code}: ${message}`);
  expect(await refused({ cron: "0 25 * * *" })).toBe(
    "SCHEDULE_INVALID: cron '0 25 * * *' is not valid: Invalid value for hour: 25",
  );
  expect(await refused({ cron: "0 0 30 2 *" })).toBe("SCHEDULE_INVALID: cron '0 0 30 2 *' is never due");
  expect(await refused({ timeZone: "Mars/Base" })).toBe(
    "SCHEDULE_INVALID: time zone 'Mars/Base' is not known: use a name such as Europe/Berlin or UTC",
  );
  expect(await refused({ overlap: "never" })).toBe(
    "SCHEDULE_INVALID: overlap must be skip, queue, allow, replace, got never",
  );
  expect(await refused({ catchUp: -1 })).toBe("SCHEDULE_INVALID: catchUp must be an integer from 0 to 1000");
  expect(await refused({ params: {} })).toMatch(/^PARAMS_INVALID: flow 'nightly' needs params/);
  expect(await refused({ params: { day: 7 } })).toMatch(/^PARAMS_INVALID/);
});
