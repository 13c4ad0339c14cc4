import { expect } from "vitest";
import { competing, failureOf, graph, newTask, type StoreTest } from "./world.ts";

export function taskContract(it: StoreTest): void {
  it("createTask inserts a running task with all that was given", async ({ store, other }) => {
    const params = { date: "2026-11-24", "a.b": [1, null, { $ref: "x" }], ünï: "✓" };
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const answer = await store.createTask(newTask("t", { params, priority: 7, idempotencyKey: "k", traceparent }));
    expect(answer).toEqual({ outcome: "created", id: "t" });
    const task = await other.readTask("t");
    expect(task).toMatchObject({
      id: "t",
      graph,
      params,
      priority: 7,
      status: "running",
      idempotencyKey: "k",
      traceparent,
    });
    expect(task?.params).toEqual(params);
    expect(task?.graph).toEqual(graph);
    expect(task?.createdAt).toBeGreaterThan(0);
    expect(task).not.toHaveProperty("failure");
    expect(task).not.toHaveProperty("endedAt");
  });

  it("readTask knows nothing of a task that wasn't created", async ({ store }) => {
    expect(await store.readTask("nobody")).toBeUndefined();
  });

  it("createTask of an id that is there says exists and changes nothing", async ({ store, other }) => {
    await store.createTask(newTask("t", { params: { first: true } }));
    const before = await store.readTask("t");
    expect(await other.createTask(newTask("t", { params: { first: false } }))).toEqual({ outcome: "exists", id: "t" });
    expect(await store.readTask("t")).toEqual(before);
  });

  it("createTask with a key that is taken names the task that has it", async ({ store, other }) => {
    await store.createTask(newTask("a", { idempotencyKey: "k" }));
    expect(await other.createTask(newTask("b", { idempotencyKey: "k" }))).toEqual({ outcome: "exists", id: "a" });
    expect(await store.readTask("b")).toBeUndefined();
    expect((await store.createTask(newTask("c", { idempotencyKey: "another" }))).outcome).toBe("created");
    expect((await store.createTask(newTask("d"))).outcome).toBe("created");
    expect((await store.createTask(newTask("e"))).outcome).toBe("created");
  });

  it("of many creations with one key one wins, and all learn its id", async (world) => {
    const answers = await competing(world, 40, (store, i) =>
      store.createTask(newTask(`t${i}`, { idempotencyKey: "one" })),
    );
    expect(answers.filter(({ outcome }) => outcome === "created")).toHaveLength(1);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  });

  it("finishTask ends a running task, for one caller", async (world) => {
    const { store, other } = world;
    await store.createTask(newTask("t"));
    const answers = await competing(world, 40, (connection) => connection.finishTask("t"));
    expect(answers.filter(Boolean)).toHaveLength(1);
    const task = await other.readTask("t");
    expect(task?.status).toBe("finished");
    expect(task?.endedAt).toBeGreaterThanOrEqual(task?.createdAt ?? Number.POSITIVE_INFINITY);
  });

  it("finishTask leaves every other task alone", async ({ store }) => {
    await store.createTask(newTask("cancelled"));
    await store.cancelTask("cancelled", "why not");
    expect(await store.finishTask("cancelled")).toBe(false);
    expect(await store.finishTask("nobody")).toBe(false);
    await store.createTask(newTask("failed"));
    await store.failTask("failed", failureOf());
    expect(await store.finishTask("failed")).toBe(false);
    expect((await store.readTask("cancelled"))?.status).toBe("cancelling");
    expect((await store.readTask("failed"))?.status).toBe("cancelling");
  });

  it("failTask begins to end a running task; the first failure wins", async (world) => {
    const { store, other } = world;
    await store.createTask(newTask("t"));
    const answers = await competing(world, 20, (connection, i) =>
      connection.failTask("t", failureOf({ message: `failure ${i}`, batchUid: "u", stack: "at x" })),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    const task = await other.readTask("t");
    expect(task?.status).toBe("cancelling");
    const winner = `failure ${answers.indexOf(true)}`;
    expect(task?.failure).toEqual(failureOf({ message: winner, batchUid: "u", stack: "at x" }));
    expect(await store.failTask("nobody", failureOf())).toBe(false);
  });

  it("failTask doesn't put a failure on a task that is being cancelled", async ({ store }) => {
    await store.createTask(newTask("t"));
    await store.cancelTask("t", "enough");
    expect(await store.failTask("t", failureOf())).toBe(false);
    expect(await store.readTask("t")).not.toHaveProperty("failure");
  });

  it("cancelTask records the first reason", async ({ store, other }) => {
    await store.createTask(newTask("t"));
    expect(await store.cancelTask("t", "first")).toBe("recorded");
    expect(await other.cancelTask("t", "second")).toBe("already");
    expect(await store.readTask("t")).toMatchObject({ status: "cancelling", cancelReason: "first" });
  });

  it("cancelTask says when there is nothing to cancel", async ({ store }) => {
    expect(await store.cancelTask("nobody", "x")).toBe("unknown");
    await store.createTask(newTask("finished"));
    await store.finishTask("finished");
    const before = await store.readTask("finished");
    expect(await store.cancelTask("finished", "x")).toBe("terminal");
    expect(await store.readTask("finished")).toEqual(before);
    await store.createTask(newTask("failing"));
    await store.failTask("failing", failureOf());
    expect(await store.cancelTask("failing", "x")).toBe("already");
    expect(await store.readTask("failing")).not.toHaveProperty("cancelReason");
  });

  it("of finish, fail and cancel at once one takes the task", async (world) => {
    const { store } = world;
    for (const id of ["a", "b", "c", "d"]) await store.createTask(newTask(id));
    for (const id of ["a", "b", "c", "d"]) {
      const answers = await competing<boolean | string>(world, 12, (connection, i) => {
        if (i % 3 === 0) return connection.finishTask(id);
        return i % 3 === 1 ? connection.failTask(id, failureOf()) : connection.cancelTask(id, "x");
      });
      expect(answers.filter((answer) => answer === true || answer === "recorded")).toHaveLength(1);
    }
  });

  it("closeTask makes a cancelling task failed when it has a failure, else cancelled", async ({ store }) => {
    await store.createTask(newTask("failing"));
    await store.failTask("failing", failureOf());
    expect(await store.closeTask("failing")).toBe(true);
    expect(await store.readTask("failing")).toMatchObject({ status: "failed", failure: failureOf() });
    await store.createTask(newTask("cancelling"));
    await store.cancelTask("cancelling", "enough");
    expect(await store.closeTask("cancelling")).toBe(true);
    const closed = await store.readTask("cancelling");
    expect(closed).toMatchObject({ status: "cancelled", cancelReason: "enough" });
    expect(closed?.endedAt).toBeGreaterThanOrEqual(closed?.createdAt ?? Number.POSITIVE_INFINITY);
  });

  it("closeTask leaves a running task, an ended one and an unknown one alone", async ({ store }) => {
    await store.createTask(newTask("t"));
    expect(await store.closeTask("t")).toBe(false);
    expect((await store.readTask("t"))?.status).toBe("running");
    expect(await store.closeTask("nobody")).toBe(false);
  });

  it("a task that has ended never changes", async ({ store, other }) => {
    await store.createTask(newTask("finished"));
    await store.finishTask("finished");
    await store.createTask(newTask("failed"));
    await store.failTask("failed", failureOf());
    await store.closeTask("failed");
    await store.createTask(newTask("cancelled"));
    await store.cancelTask("cancelled", "x");
    await store.closeTask("cancelled");
    for (const id of ["finished", "failed", "cancelled"]) {
      const before = await store.readTask(id);
      expect(await other.finishTask(id)).toBe(false);
      expect(await other.failTask(id, failureOf({ message: "late" }))).toBe(false);
      expect(await other.cancelTask(id, "late")).toBe("terminal");
      expect(await other.closeTask(id)).toBe(false);
      expect((await other.createTask(newTask(id))).outcome).toBe("exists");
      expect(await other.readTask(id)).toEqual(before);
    }
  });
}
