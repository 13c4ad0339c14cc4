import { expect } from "vitest";
import type { Store, SweepKind } from "../../../src/core/ports/index.ts";
import { claimed, dispatchInit, longMs, newTask, pastShortMs, shardOf, shortMs } from "./fixture.ts";

/** Checks, on an empty store, that one look finds each kind of sweep with work, and when the next one is due. */
export async function findsWhatIsDue(store: Store): Promise<void> {
  const look = async (aheadMs = 0) => {
    const due = await store.lookForDue?.(aheadMs);
    return { kinds: [...(due?.found ?? ["no look"])].toSorted(), nextInMs: due?.nextInMs };
  };
  expect(await look()).toEqual({ kinds: [], nextInMs: undefined });

  const kinds: SweepKind[] = [];
  const begins = async (kind: SweepKind, begin: () => Promise<unknown>): Promise<void> => {
    await begin();
    kinds.push(kind);
    await expect.poll(async () => (await look()).kinds, { message: kind }).toEqual(kinds.toSorted());
  };
  await store.createTask(newTask("later", { deadlineMs: longMs }));
  await store.dueTasks(10, longMs);
  expect((await look()).kinds).toEqual([]);
  expect((await look(2 * longMs)).kinds).toEqual(["tasks"]);
  expect((await look()).nextInMs).toBeGreaterThan(longMs / 2);
  const entry = (kind: "schedule" | "paused_flow", dueAt = {}) =>
    store.updateEntry({ kind, id: "x" }, () => ({ answer: undefined, next: { value: {}, ...dueAt } }));
  await begins("schedules", () => entry("schedule", { dueAt: 1 }));
  await begins("pausedFlows", () => entry("paused_flow"));
  await begins("slots", () => store.takeSlot({ key: "all", max: 1 }, { ...shardOf("clean"), epoch: 1, claimId: "c" }));
  await begins("tasks", () => store.createTask(newTask("t")));
  await store.dispatch(shardOf("load"), dispatchInit());
  await begins("expired", () => claimed(store, shardOf("load"), shortMs));
  await begins("deferred", () => store.dispatch(shardOf("clean"), dispatchInit({ delayMs: pastShortMs })));
  await begins("overdue", () => store.createTask(newTask("overdue", { deadlineMs: shortMs })));
}
