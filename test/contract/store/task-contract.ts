import { expect } from "vitest";
import { competing, failureOf, graph, newTask, type StoreTest } from "./fixture.ts";

export function taskContract(it: StoreTest): void {
  it("createTask inserts a running task with all given fields", async ({ store, peer }) => {
    const params = { date: "2026-11-24", "a.b": [1, null, { $ref: "x" }], ünï: "✓" };
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const answer = await store.createTask(newTask("t", { params, priority: 7, idempotencyKey: "k", traceparent }));
    expect(answer).toEqual({ outcome: "created", id: "t" });
    const task = await peer.readTask("t");
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

  it("readTask returns nothing for an unknown task", async ({ store }) => {
    expect(await store.readTask("unknown")).toBeUndefined();
  });

  it("createTask with an existing id returns exists and changes nothing", async ({ store, peer }) => {
    await store.createTask(newTask("t", { params: { first: true } }));
    const before = await store.readTask("t");
    expect(await peer.createTask(newTask("t", { params: { first: false } }))).toEqual({ outcome: "exists", id: "t" });
    expect(await store.readTask("t")).toEqual(before);
  });

  it("createTask with a used key returns its task", async ({ store, peer }) => {
    await store.createTask(newTask("a", { idempotencyKey: "k" }));
    expect(await peer.createTask(newTask("b", { idempotencyKey: "k" }))).toEqual({ outcome: "exists", id: "a" });
    expect(await store.readTask("b")).toBeUndefined();
    expect((await store.createTask(newTask("c", { idempotencyKey: "another" }))).outcome).toBe("created");
    expect((await store.createTask(newTask("d"))).outcome).toBe("created");
    expect((await store.createTask(newTask("e"))).outcome).toBe("created");
  });

  it("of many concurrent creations with one key one wins, and all return its id", async (fixture) => {
    const answers = await competing(fixture, 40, (store, i) =>
      store.createTask(newTask(`t${i}`, { idempotencyKey: "one" })),
    );
    expect(answers.filter(({ outcome }) => outcome === "created")).toHaveLength(1);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  });

  it("finishTask ends a running task and reports it to one caller", async (fixture) => {
    const { store, peer } = fixture;
    await store.createTask(newTask("t"));
    const answers = await competing(fixture, 40, (connection) => connection.finishTask("t"));
    expect(answers.filter(Boolean)).toHaveLength(1);
    const task = await peer.readTask("t");
    expect(task?.status).toBe("finished");
    expect(task?.endedAt).toBeGreaterThanOrEqual(task?.createdAt ?? Number.POSITIVE_INFINITY);
  });

  it("finishTask does not change tasks in other states", async ({ store }) => {
    await store.createTask(newTask("cancelled"));
    await store.cancelTask("cancelled", "why not");
    expect(await store.finishTask("cancelled")).toBe(false);
    expect(await store.finishTask("unknown")).toBe(false);
    await store.createTask(newTask("failed"));
    await store.failTask("failed", failureOf());
    expect(await store.finishTask("failed")).toBe(false);
    expect((await store.readTask("cancelled"))?.status).toBe("cancelling");
    expect((await store.readTask("failed"))?.status).toBe("cancelling");
  });

  it("failTask starts to end a running task; the first failure wins", async (fixture) => {
    const { store, peer } = fixture;
    await store.createTask(newTask("t"));
    const answers = await competing(fixture, 20, (connection, i) =>
      connection.failTask("t", failureOf({ message: `failure ${i}`, batchUid: "u", stack: "at x" })),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    const task = await peer.readTask("t");
    expect(task?.status).toBe("cancelling");
    const winner = `failure ${answers.indexOf(true)}`;
    expect(task?.failure).toEqual(failureOf({ message: winner, batchUid: "u", stack: "at x" }));
    expect(await store.failTask("unknown", failureOf())).toBe(false);
  });

  it("failTask does not change a task that is being cancelled", async ({ store }) => {
    await store.createTask(newTask("t"));
    await store.cancelTask("t", "enough");
    expect(await store.failTask("t", failureOf())).toBe(false);
    expect(await store.readTask("t")).not.toHaveProperty("failure");
  });

  it("cancelTask records the first reason", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    expect(await store.cancelTask("t", "first")).toBe("recorded");
    expect(await peer.cancelTask("t", "second")).toBe("already");
    expect(await store.readTask("t")).toMatchObject({ status: "cancelling", cancelReason: "first" });
  });

  it("cancelTask reports when there is nothing to cancel", async ({ store }) => {
    expect(await store.cancelTask("unknown", "x")).toBe("unknown");
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

  it("of concurrent finish, fail and cancel one wins", async (fixture) => {
    const { store } = fixture;
    for (const id of ["a", "b", "c", "d"]) await store.createTask(newTask(id));
    for (const id of ["a", "b", "c", "d"]) {
      const answers = await competing<boolean | string>(fixture, 12, (connection, i) => {
        if (i % 3 === 0) return connection.finishTask(id);
        return i % 3 === 1 ? connection.failTask(id, failureOf()) : connection.cancelTask(id, "x");
      });
      expect(answers.filter((answer) => answer === true || answer === "recorded")).toHaveLength(1);
    }
  });

  it("closeTask ends a cancelling task as failed if it has a failure, else as cancelled", async ({ store }) => {
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

  it("closeTask does not change a running, ended or unknown task", async ({ store }) => {
    await store.createTask(newTask("t"));
    expect(await store.closeTask("t")).toBe(false);
    expect((await store.readTask("t"))?.status).toBe("running");
    expect(await store.closeTask("unknown")).toBe(false);
  });

  it("an ended task never changes", async ({ store, peer }) => {
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
      expect(await peer.finishTask(id)).toBe(false);
      expect(await peer.failTask(id, failureOf({ message: "late" }))).toBe(false);
      expect(await peer.cancelTask(id, "late")).toBe("terminal");
      expect(await peer.closeTask(id)).toBe(false);
      expect((await peer.createTask(newTask(id))).outcome).toBe("exists");
      expect(await peer.readTask(id)).toEqual(before);
    }
  });
}
