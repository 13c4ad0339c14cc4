import { expect } from "vitest";
import { newTask, type StoreTest } from "./fixture.ts";

const log = (id: string) => ({ kind: "task_log", id }) as const;

/** The stored log lines of handlers are one entry of the registry, with the id of their task. */
export function taskLogContract(it: StoreTest): void {
  it("deletes the log of a task with the task, and no other", async ({ store, peer }) => {
    for (const id of ["t", "t.1", "u"]) {
      await store.createTask(newTask(id));
      await store.updateEntry(log(id), () => ({ answer: undefined, next: { value: { lines: [id] } } }));
    }
    // Neither is an entry of another kind that has the same id.
    await store.updateEntry({ kind: "paused_flow", id: "t" }, () => ({ answer: undefined, next: { value: { n: 1 } } }));
    expect(await peer.deleteTask("t")).toBe("open");
    expect(await peer.updateEntry(log("t"), (entry) => ({ answer: entry?.value }))).toEqual({ lines: ["t"] });
    await store.cancelTask("t", "test");
    await store.closeTask("t");
    expect(await peer.deleteTask("t")).toBe("deleted");
    const left = await store.listEntries("task_log", { limit: 5 });
    expect(left.items.map(({ id }) => id)).toEqual(["u", "t.1"]);
    expect((await store.listEntries("paused_flow", { limit: 5 })).items).toEqual([{ id: "t", value: { n: 1 } }]);
  });

  it("returns what is in a log unchanged", async ({ store, peer }) => {
    const fields = { $set: 1, "a.b": "\ud800", nothing: null, nested: [{ _bsontype: "x" }] };
    const value = { lines: [{ seq: 0, at: 1.5, level: "info", message: "ü \u0000", fields }], next: 1, dropped: 0 };
    await store.updateEntry(log("t"), () => ({ answer: undefined, next: { value } }));
    expect(await peer.updateEntry(log("t"), (entry) => ({ answer: entry?.value }))).toEqual(value);
  });
}
