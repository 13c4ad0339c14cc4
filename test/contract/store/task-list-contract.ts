import { expect } from "vitest";
import type { Store } from "../../../src/core/ports/index.ts";
import {
  appended,
  artifactOf,
  failureOf,
  graph,
  longMs,
  newTask,
  pastShortMs,
  runningShard,
  type StoreTest,
  shortMs,
} from "./fixture.ts";

async function listed(store: Store, query: Omit<Parameters<Store["listTasks"]>[0], "cursor">): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.listTasks({ ...query, ...(cursor === undefined ? {} : { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(query.limit);
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return ids;
}

export function taskListContract(it: StoreTest): void {
  it("lists all tasks in pages, newest first, without graph and parameters", async ({ store, peer }) => {
    for (const id of ["a", "b", "c", "d", "e"]) await store.createTask(newTask(id, { params: { big: id } }));
    expect(await listed(peer, { limit: 2 })).toEqual(["e", "d", "c", "b", "a"]);
    const { items } = await store.listTasks({ limit: 1 });
    expect(items[0]).toMatchObject({ id: "e", name: graph.name, status: "running", priority: 0 });
    expect(items[0]).not.toHaveProperty("graph");
    expect(items[0]).not.toHaveProperty("params");
    expect(await store.listTasks({ limit: 5 })).not.toHaveProperty("cursor");
  });

  it("continues after a page, even if tasks were created since", async ({ store }) => {
    for (const id of ["a", "b", "c"]) await store.createTask(newTask(id));
    const { items, cursor = "" } = await store.listTasks({ limit: 2 });
    await store.createTask(newTask("d"));
    expect(items.map(({ id }) => id)).toEqual(["c", "b"]);
    expect((await store.listTasks({ limit: 2, cursor })).items.map(({ id }) => id)).toEqual(["a"]);
  });

  it("rejects a cursor that is not one of its own, for each list", async ({ store }) => {
    for (const cursor of ["zz", "", "-1", "1e3", "1; DROP TABLE tasks", "7".repeat(17), "~"]) {
      for (const list of [
        () => store.listTasks({ limit: 2, cursor }),
        () => store.listTasks({ limit: 2, cursor, children: "all", statuses: ["running"] }),
        () => store.listDeadLetters({ limit: 2, cursor }),
        () => store.listEntries("schedule", { limit: 2, cursor }),
      ]) {
        await expect(list()).rejects.toMatchObject({
          code: "ENGINE_OPTIONS",
          message: `invalid cursor '${cursor}': expected that of the previous page; omit it for the first page`,
        });
      }
    }
  });

  it("lists tasks with given statuses only", async ({ store }) => {
    for (const id of ["a", "b", "c", "d"]) await store.createTask(newTask(id));
    await store.finishTask("b");
    await store.failTask("c", failureOf());
    expect(await listed(store, { limit: 1, statuses: ["running"] })).toEqual(["d", "a"]);
    expect(await listed(store, { limit: 1, statuses: ["finished", "cancelling"] })).toEqual(["c", "b"]);
    expect(await listed(store, { limit: 1, statuses: ["cancelled"] })).toEqual([]);
  });

  it("deletes an ended task with its idempotency key, but not an open one", async ({ store, peer }) => {
    await store.createTask(newTask("t", { idempotencyKey: "k" }));
    expect(await store.deleteTask("t")).toBe("open");
    await store.finishTask("t");
    expect(await peer.deleteTask("t")).toBe("deleted");
    expect(await store.deleteTask("t")).toBe("unknown");
    expect(await store.readTask("t")).toBeUndefined();
    expect(await listed(store, { limit: 5 })).toEqual([]);
    expect(await store.createTask(newTask("u", { idempotencyKey: "k" }))).toEqual({ outcome: "created", id: "u" });
  });

  it("keeps nothing of a deleted task when a new one has its id", async ({ store }) => {
    const attempt = await runningShard(store);
    await appended(store, attempt, 2);
    await store.complete(attempt, { generation: 0, count: 2 });
    await store.finishTask("t");
    expect(await store.deleteTask("t")).toBe("deleted");
    const next = await runningShard(store);
    expect(await store.tail(next, 0)).toEqual({ length: 0, closed: false, origins: [] });
    expect(await store.append(next, 0, artifactOf(0))).toBe("ok");
    expect(await store.complete(next, { generation: 0, count: 1 })).toBe("ok");
  });

  it("does not delete a task that another one borrows from", async ({ store }) => {
    await store.createTask(newTask("lender"));
    await store.finishTask("lender");
    await store.createTask(newTask("borrower", { retryOf: "lender", borrowsFrom: ["lender"] }));
    expect((await store.readTask("borrower"))?.retryOf).toBe("lender");
    expect(await store.deleteTask("lender")).toBe("borrowed");
    await store.finishTask("borrower");
    expect(await store.deleteTask("borrower")).toBe("deleted");
    expect(await store.deleteTask("lender")).toBe("deleted");
  });

  it("lists the tasks that the nodes of a task run only on request", async ({ store, peer }) => {
    const childOf = (id: string, taskId: string) =>
      store.createTask(newTask(id, { parent: { taskId, nodeId: "each", uid: "7" } }));
    for (const id of ["p", "pa"]) await store.createTask(newTask(id));
    for (const id of ["p.a", "p.b"]) await childOf(id, "p");
    await childOf("p.a.x", "p.a");
    expect((await peer.readTask("p.a"))?.parent).toEqual({ taskId: "p", nodeId: "each", uid: "7" });
    expect(await listed(peer, { limit: 2 })).toEqual(["pa", "p"]);
    expect(await listed(store, { limit: 2, children: "all" })).toEqual(["p.a.x", "p.b", "p.a", "pa", "p"]);
    expect(await listed(store, { limit: 1, children: { of: "p" } })).toEqual(["p.b", "p.a"]);
    expect(await listed(store, { limit: 2, children: { of: "p.a" } })).toEqual(["p.a.x"]);
    await store.finishTask("p.b");
    expect(await listed(store, { limit: 2, children: { of: "p" }, statuses: ["running"] })).toEqual(["p.a"]);
  });

  it("keeps a task as long as the task exists whose node runs it", async ({ store, peer }) => {
    await store.createTask(newTask("p"));
    await store.createTask(newTask("p.a", { parent: { taskId: "p", nodeId: "each", uid: "7" } }));
    await store.finishTask("p.a");
    expect(await store.deleteTask("p.a")).toBe("borrowed");
    await store.finishTask("p");
    expect(await peer.deleteTask("p")).toBe("deleted");
    expect(["deleted", "unknown"]).toContain(await store.deleteTask("p.a"));
    expect(await listed(store, { limit: 5, children: "all" })).toEqual([]);
  });

  it("returns tasks that ended long enough ago, oldest first", async ({ store, advance }) => {
    for (const id of ["a", "b", "c"]) await store.createTask(newTask(id));
    await store.finishTask("b");
    await advance(pastShortMs);
    await store.finishTask("a");
    expect(await store.endedTasks({ endedForMs: longMs, limit: 5 })).toEqual([]);
    expect(await store.endedTasks({ endedForMs: 0, limit: 5 })).toEqual(["b", "a"]);
    expect(await store.endedTasks({ endedForMs: 0, limit: 1 })).toEqual(["b"]);
  });

  it("returns the child of a deleted task by when it ended", async ({ store, peer, advance }) => {
    await store.createTask(newTask("p", { graph: { ...graph, flows: { each: graph } } }));
    await store.createTask(newTask("other"));
    await store.createTask(newTask("p.a", { parent: { taskId: "p", nodeId: "each", uid: "7" } }));
    for (const id of ["p.a", "other", "p"]) {
      await store.finishTask(id);
      await advance(pastShortMs);
    }
    expect(await store.deleteTask("p")).toBe("deleted");
    const left = (await peer.readTask("p.a")) === undefined ? [] : ["p.a"]; // some stores delete it with its parent
    expect(await peer.endedTasks({ endedForMs: 0, limit: 5 })).toEqual([...left, "other"]);
  });

  it("returns running tasks past their deadline, and the time of the next deadline", async ({ store, advance }) => {
    await store.createTask(newTask("later", { deadlineMs: longMs }));
    await store.createTask(newTask("never"));
    const before = await store.overdueTasks(5);
    expect(before.overdue).toEqual([]);
    expect(before.nextInMs).toBeGreaterThan(longMs / 2);
    expect(before.nextInMs).toBeLessThanOrEqual(longMs);
    await store.createTask(newTask("soon", { deadlineMs: shortMs }));
    await store.createTask(newTask("ended", { deadlineMs: shortMs }));
    await store.finishTask("ended");
    await advance(pastShortMs);
    const { overdue, nextInMs } = await store.overdueTasks(5);
    expect(overdue).toEqual(["soon"]);
    expect(nextInMs).toBeGreaterThan(longMs / 2);
    await store.failTask("soon", { reasonCode: "deadline_exceeded", message: "too late" });
    expect((await store.overdueTasks(5)).overdue).toEqual([]);
    expect((await store.readTask("soon"))?.failure).toEqual({ reasonCode: "deadline_exceeded", message: "too late" });
  });

  it("starts with the given variables", async ({ store }) => {
    await store.createTask(newTask("t", { vars: { vars: { n: 1 }, appliedBy: ["count"] } }));
    expect(await store.readVars("t")).toMatchObject({ vars: { n: 1 }, appliedBy: ["count"] });
    expect(await store.writeVars("t", { version: 0, vars: { n: 2 }, appliedBy: "count" })).toBe("applied");
  });
}
