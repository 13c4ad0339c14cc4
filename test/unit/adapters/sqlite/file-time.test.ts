import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test, vi } from "vitest";
import { sqliteStore } from "../../../../src/adapters/sqlite/index.ts";
import type { Store } from "../../../../src/core/ports/index.ts";
import { claimed, longMs, newTask, queuedShard, runningShard, shardOf } from "../../../contract/store/fixture.ts";
import { tempFolder } from "../../../helpers/temp-folder.ts";

const hourMs = 3_600_000;
const start = 1_000_000_000_000;

interface Process {
  readonly store: Store;
  /** Sets the wall clock that this process reads. */
  set(byMs: number): void;
}

/** A file, and processes on it whose clocks move only when the test says so. */
function machine(path = join(tempFolder(), "runs.db")) {
  let elapsed = 7.25;
  const monotonic = vi.spyOn(performance, "now").mockImplementation(() => elapsed);
  onTestFinished(() => monotonic.mockRestore());
  let processes = 0;
  return {
    path,
    pass(ms: number): void {
      elapsed += ms;
    },
    /** A process whose wall clock is `aheadMs` ahead of the others. It has a connection of its own. */
    async process(aheadMs = 0): Promise<Process> {
      let ahead = aheadMs;
      const name = join(tempFolder(), `${processes++}.db`);
      symlinkSync(path, name);
      const store = sqliteStore(name, { now: () => Math.floor(start + ahead + elapsed) });
      await store.open();
      onTestFinished(() => store.close());
      return {
        store,
        set(byMs) {
          ahead += byMs;
        },
      };
    },
  };
}

/** The store time of a process, computed without a write from the time left until a known deadline. */
async function timeOf({ store }: Process): Promise<number> {
  const { deadlineAt = 0 } = (await store.readTask("deadline")) ?? {};
  return deadlineAt - ((await store.overdueTasks(1)).nextInMs ?? 0);
}

/** A file with a deadline, and the process that created it. */
async function withDeadline(aheadMs = 0) {
  const on = machine();
  const first = await on.process(aheadMs);
  await first.store.createTask(newTask("deadline", { deadlineMs: 100 * hourMs }));
  await first.store.settle();
  return { ...on, first };
}

const write = async ({ store }: Process): Promise<void> => {
  await store.announceWorker({ id: "w", types: [], capacity: 1, running: 0 }, longMs);
  await store.settle();
};

test("a process that starts after the clock was set back continues from the file's time", async () => {
  const { first, pass, process } = await withDeadline();
  pass(5_000);
  await write(first);
  const before = await timeOf(first);
  await first.store.close();
  const second = await process(-hourMs);
  expect(await timeOf(second)).toBe(before);
  pass(2_500);
  expect(await timeOf(second)).toBe(before + 2_500);
});

test("after a step back, the processes from before and after it agree about leases and retries", async () => {
  const { first, pass, process } = await withDeadline();
  const second = await process(-hourMs);
  const [ofFirst, ofSecond] = [shardOf("extract"), shardOf("clean")];
  await runningShard(first.store, ofFirst, 10_000);
  await first.store.settle();
  await second.store.dispatch(ofSecond, { type: "cleaner", priority: 0 });
  const attempt = await claimed(second.store, ofSecond, 10_000);
  await second.store.settle();
  for (const { store } of [first, second]) expect(await store.expiredLeases(10)).toEqual([]);
  pass(9_000);
  expect(await second.store.release(attempt, 500)).toBe("ok");
  await second.store.settle();
  expect((await first.store.dueDeferred(10)).nextInMs).toBe(500);
  pass(1_000);
  for (const { store } of [first, second]) {
    expect(await store.expiredLeases(10)).toEqual([{ ...ofFirst, epoch: 1 }]);
    expect((await store.dueDeferred(10)).due).toEqual([{ ...ofSecond, epoch: 1 }]);
  }
});

test("a process that only reads follows the one whose clock is ahead", async () => {
  const { first, pass, process } = await withDeadline();
  const reader = await process();
  const before = await timeOf(reader);
  first.set(hourMs);
  await write(first);
  expect(await timeOf(reader)).toBe(before + hourMs);
  pass(1_500);
  expect(await timeOf(reader)).toBe(before + hourMs + 1_500);
  expect(await timeOf(first)).toBe(before + hourMs + 1_500);
});

test("a clock that is set forward by mistake and back: time continues at its pace until the clock catches up", async () => {
  const { first, pass, process } = await withDeadline();
  const before = await timeOf(first);
  first.set(24 * hourMs);
  await write(first);
  first.set(-24 * hourMs);
  pass(1_000);
  await write(first);
  await first.store.close();
  const second = await process();
  expect(await timeOf(second)).toBe(before + 24 * hourMs + 1_000);
  pass(23 * hourMs);
  expect(await timeOf(second)).toBe(before + 47 * hourMs + 1_000);
  second.set(24 * hourMs + 30);
  expect(await timeOf(second), "the wall clock counts again").toBe(before + 47 * hourMs + 1_030);
});

test("a process that was suspended during a step back continues with the others", async () => {
  const { first, pass, process } = await withDeadline();
  const suspended = await process();
  const before = await timeOf(suspended);
  for (const each of [first, suspended]) each.set(-hourMs);
  pass(600_000);
  const started = await process(-hourMs);
  await write(first);
  const time = await timeOf(first);
  expect(time).toBe(before + 600_000);
  expect(await timeOf(suspended)).toBe(time);
  expect(await timeOf(started)).toBe(time);
});

test("a new process writes later times than those in the file", async () => {
  const { first, process } = await withDeadline();
  await queuedShard(first.store);
  await first.store.settle();
  const second = await process(-hourMs);
  await second.store.createTask(newTask("later"));
  const [deadline, later] = [await second.store.readTask("deadline"), await second.store.readTask("later")];
  expect(later?.createdAt).toBeGreaterThanOrEqual(deadline?.createdAt ?? Number.POSITIVE_INFINITY);
});

test("the file's time is written once a second, and never lowered", async () => {
  const { first, path, pass, process } = await withDeadline();
  const database = new DatabaseSync(path);
  onTestFinished(() => database.close());
  const stored = () => Number(database.prepare("SELECT latest FROM store_time").get()?.latest);
  const began = stored();
  expect(began).toBe(await timeOf(first));
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    pass(400);
    await write(first);
    times.push(stored() - began);
  }
  expect(times).toEqual([0, 0, 1_200, 1_200, 1_200]);
  const behind = await process(-hourMs);
  await write(behind);
  expect(stored()).toBe(began + 1_200);
});

test("a migrated file of layout 1 starts at the latest time in its records", async () => {
  const path = join(tempFolder(), "runs.db");
  const old = new DatabaseSync(path);
  old.exec(readFileSync(join(import.meta.dirname, "layouts", "1.sql"), "utf8"));
  old.close();
  const { store } = await machine(path).process();
  await store.createTask(newTask("new"));
  expect(await store.readTask("new")).toMatchObject({ createdAt: 1_700_000_000_013 });
});
