import { expect } from "vitest";
import { competing, failureOf, longMs, newTask, pastShortMs, type StoreTest, shortMs } from "./fixture.ts";

export function dueTaskContract(it: StoreTest): void {
  it("a new task is due immediately, and then not before its interval", async ({ store, peer, advance }) => {
    await store.createTask(newTask("t"));
    expect(await peer.dueTasks(10, longMs)).toEqual(["t"]);
    expect(await store.dueTasks(10, longMs)).toEqual([]);
    await advance(pastShortMs);
    expect(await store.dueTasks(10, longMs)).toEqual([]);
  });

  it("a task is due again after everyMs", async ({ store, advance }) => {
    await store.createTask(newTask("t"));
    expect(await store.dueTasks(10, shortMs)).toEqual(["t"]);
    await advance(pastShortMs);
    expect(await store.dueTasks(10, longMs)).toEqual(["t"]);
    expect(await store.dueTasks(10, longMs)).toEqual([]);
  });

  it("returns tasks due within aheadMs as well, and then not before their interval", async ({
    store,
    peer,
    advance,
  }) => {
    for (const id of ["a", "b"]) await store.createTask(newTask(id));
    expect((await store.dueTasks(10, longMs)).toSorted()).toEqual(["a", "b"]);
    await advance(pastShortMs);
    await store.createTask(newTask("new"));
    expect(await store.dueTasks(10, longMs, longMs / 2)).toEqual(["new"]);
    await advance(pastShortMs);
    expect(await store.dueTasks(10, longMs)).toEqual([]);
    const first = await store.dueTasks(1, longMs, longMs - 1); // tasks returned first are due first
    expect(["a", "b"]).toContain(first[0]);
    expect(await store.dueTasks(10, longMs, longMs / 2)).toEqual([]);
    await advance(pastShortMs);
    expect((await peer.dueTasks(10, longMs, longMs - 1)).toSorted()).toEqual(["a", "b", "new"]);
  });

  it("each due task is returned to one caller only", async (fixture) => {
    const ids = Array.from({ length: 30 }, (_, i) => `t${i}`);
    for (const id of ids) await fixture.store.createTask(newTask(id));
    const given = await competing(fixture, 12, (connection) => connection.dueTasks(7, longMs));
    for (const some of given) expect(some.length).toBeLessThanOrEqual(7);
    expect(given.flat().toSorted()).toEqual(ids.toSorted());
  });

  it("without an interval, each task is returned once per call, and again soon after", async ({ store, advance }) => {
    const ids = ["a", "b", "c"];
    for (const id of ids) await store.createTask(newTask(id));
    expect((await store.dueTasks(10, 0)).toSorted()).toEqual(ids);
    await advance(pastShortMs);
    expect((await store.dueTasks(10, longMs)).toSorted()).toEqual(ids);
  });

  it("returns at most the limit, and the rest to the next call", async ({ store }) => {
    for (const id of ["a", "b", "c"]) await store.createTask(newTask(id));
    const first = await store.dueTasks(2, longMs);
    expect(first).toHaveLength(2);
    expect([...first, ...(await store.dueTasks(2, longMs))].toSorted()).toEqual(["a", "b", "c"]);
  });

  it("a task that starts to fail or to be cancelled is due immediately", async ({ store }) => {
    await store.createTask(newTask("failing"));
    await store.createTask(newTask("cancelling"));
    expect(await store.dueTasks(10, longMs)).toHaveLength(2);
    await store.failTask("failing", failureOf());
    expect(await store.dueTasks(10, longMs)).toEqual(["failing"]);
    await store.cancelTask("cancelling", "enough");
    expect(await store.dueTasks(10, longMs)).toEqual(["cancelling"]);
    expect(await store.dueTasks(10, longMs)).toEqual([]);
  });

  it("a rejected failure and a repeated cancel do not make it due", async ({ store }) => {
    await store.createTask(newTask("t"));
    await store.cancelTask("t", "enough");
    expect(await store.dueTasks(10, longMs)).toEqual(["t"]);
    await store.cancelTask("t", "again");
    await store.failTask("t", failureOf());
    expect(await store.dueTasks(10, longMs)).toEqual([]);
  });

  it("an ended task is never due", async ({ store, advance }) => {
    for (const id of ["finished", "failed", "cancelled", "open"]) await store.createTask(newTask(id));
    await store.finishTask("finished");
    await store.failTask("failed", failureOf());
    await store.closeTask("failed");
    await store.cancelTask("cancelled", "x");
    await store.closeTask("cancelled");
    expect(await store.dueTasks(10, shortMs)).toEqual(["open"]);
    await advance(pastShortMs);
    expect(await store.dueTasks(10, longMs)).toEqual(["open"]);
  });
}
