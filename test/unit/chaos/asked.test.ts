import { expect, test } from "vitest";
import type { TaskRecord } from "../../../src/core/model/records.ts";
import { SeededRandom } from "../../../src/testing/scheduler/seeded-random.ts";
import { Asks } from "../../chaos/asks.ts";
import { ChaosSchedules } from "../../chaos/chaos-schedules.ts";

/* The requests of a chaos run about running tasks, and the violations that it finds in the answers. */

const wait = { node_id: "w", type: "coordinator_fn", io: { fn: "wait.signal" } };

test("a signal that is accepted by a task that has ended, and a second one, are detected", async () => {
  const task = () => ({ signal: async () => "accepted" });
  const asks = new Asks({ client: { task } as never, random: new SeededRandom(1) });
  asks.ended("t", [wait]);
  await asks.sendDue(() => false); // it is deleted already
  expect(asks.wrong).toEqual([]);
  asks.ended("t", [wait]);
  await asks.sendDue(() => true);
  const late = "t had ended, but accepted a signal";
  expect(asks.wrong).toEqual([late]);
  asks.ended("t", [wait]);
  await asks.sendDue(() => true);
  expect(asks.wrong).toEqual([late, 't:w: accepted the signal {"rows":[9]} after {"rows":[9]}', late]);
  expect(asks.counts).toMatchObject({ signals: 2, late: 0 });
});

const at = (sec: number): number => Date.parse("2026-11-29T02:00:00Z") + sec * 1_000;

/** The run of the schedule `skip` that is due every 15 s, as from second 0 to 60. */
const ran = (dueSec: number, { id = `t${dueSec}`, from = dueSec, to = dueSec + 5 } = {}): TaskRecord =>
  ({
    id,
    idempotencyKey: `schedule:chaos-skip:${new Date(at(dueSec)).toISOString()}`,
    createdAt: at(from),
    endedAt: at(to),
  }) as TaskRecord;

function wrongOf(runs: readonly TaskRecord[], skipped = 0): readonly string[] {
  const schedules = new ChaosSchedules({ client: undefined as never, random: new SeededRandom(1) });
  for (const run of runs) schedules.ran(run);
  const state = (id: string) => ({ id, createdAt: at(-1), nextAt: at(-1), skipped: 0, missed: 0 });
  const others = ["chaos-queue", "chaos-replace", "chaos-allow"].map(state);
  const own = { ...state("chaos-skip"), nextAt: at(60), skipped };
  return schedules.check([own, ...others] as never);
}

test("runs of a schedule that are lost, early, twice or overlapping are detected", () => {
  const runs = [0, 15, 30, 45].map((sec) => ran(sec));
  expect(wrongOf(runs)).toEqual([]);
  expect(wrongOf(runs.slice(1), 1)).toEqual([]);
  expect(wrongOf(runs.slice(1))).toEqual(["schedule chaos-skip: was due 4 times: 3 tasks, 0 skipped, 0 missed"]);
  const [first, ...rest] = runs as [TaskRecord, ...TaskRecord[]];
  expect(wrongOf([first, ...rest, ran(15, { id: "again", from: 25, to: 26 })])).toContain(
    "schedule chaos-skip: its run of 2026-11-29T02:00:15.000Z has two tasks: t15 and again",
  );
  const again = ran(15, { id: "again", from: 25, to: 26 });
  expect(wrongOf([...runs, { ...again, cancelReason: "the run of 15 had a task before" }])).toEqual([]);
  expect(wrongOf([ran(0, { from: -2 }), ...rest])).toEqual([
    "schedule chaos-skip: its run of 2026-11-29T02:00:00.000Z began 2000 ms early",
  ]);
  expect(wrongOf([ran(0, { to: 16 }), ...rest])).toEqual([
    "schedule chaos-skip: its run of 2026-11-29T02:00:15.000Z began 1000 ms before the one before had ended",
  ]);
});
