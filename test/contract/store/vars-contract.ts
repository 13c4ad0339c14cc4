import { expect } from "vitest";
import type { Store } from "../../../src/core/ports/index.ts";
import { competing, failureOf, newTask, type StoreTest } from "./fixture.ts";

async function versionOf(store: Store): Promise<number> {
  return (await store.readVars("t"))?.version ?? Number.NaN;
}

/** Adds one to `n`, retrying on conflicts. */
async function increment(store: Store, nodeId: string): Promise<string> {
  for (;;) {
    const current = await store.readVars("t");
    if (current === undefined) throw new Error("the task does not exist");
    const n = Number(current.vars.n ?? 0) + 1;
    const answer = await store.writeVars("t", { version: current.version, vars: { n }, appliedBy: nodeId });
    if (answer !== "conflict") return answer;
  }
}

export function varsContract(it: StoreTest): void {
  it("a new task has empty variables; an unknown one has none", async ({ store }) => {
    await store.createTask(newTask("t"));
    expect(await store.readVars("t")).toMatchObject({ vars: {}, appliedBy: [] });
    expect(await store.readVars("unknown")).toBeUndefined();
  });

  it("writeVars replaces the variables, increments the version and records the node", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    const version = await versionOf(store);
    const vars = { day: { count: 1 }, "a.b": [null, "x"] };
    expect(await store.writeVars("t", { version, vars, appliedBy: "a" })).toBe("ok");
    const written = await peer.readVars("t");
    expect(written?.vars).toEqual(vars);
    expect(written?.appliedBy).toEqual(["a"]);
    expect(written?.version).not.toBe(version);
  });

  it("a different version is a conflict and changes nothing", async ({ store, peer }) => {
    await store.createTask(newTask("t"));
    const version = await versionOf(store);
    await store.writeVars("t", { version, vars: { n: 1 }, appliedBy: "a" });
    const before = await store.readVars("t");
    expect(await peer.writeVars("t", { version, vars: { n: 2 }, appliedBy: "b" })).toBe("conflict");
    expect(await store.readVars("t")).toEqual(before);
  });

  it("a node's second write is recognised, regardless of its version and the task's status", async ({
    store,
    peer,
  }) => {
    await store.createTask(newTask("t"));
    const version = await versionOf(store);
    await store.writeVars("t", { version, vars: { n: 1 }, appliedBy: "a" });
    const before = await store.readVars("t");
    expect(await peer.writeVars("t", { version, vars: { n: 2 }, appliedBy: "a" })).toBe("applied");
    const now = await versionOf(store);
    expect(await peer.writeVars("t", { version: now, vars: { n: 2 }, appliedBy: "a" })).toBe("applied");
    await store.cancelTask("t", "enough");
    expect(await peer.writeVars("t", { version, vars: { n: 1 }, appliedBy: "a" })).toBe("applied");
    expect(await store.readVars("t")).toEqual(before);
  });

  it("the variables of a task can change while it ends, and not after that", async ({ store }) => {
    await store.createTask(newTask("t"));
    await store.failTask("t", failureOf());
    const first = await versionOf(store);
    expect(await store.writeVars("t", { version: first, vars: { n: 0 }, appliedBy: "handles" })).toBe("ok");
    const before = await store.readVars("t");
    const version = await versionOf(store);
    await store.closeTask("t");
    expect(await store.writeVars("t", { version, vars: { n: 1 }, appliedBy: "a" })).toBe("closed");
    expect(await store.readVars("t")).toEqual(before);
  });

  it("no increment of fifteen concurrent nodes is lost", async (fixture) => {
    await fixture.store.createTask(newTask("t"));
    const answers = await competing(fixture, 15, (store, i) => increment(store, `node${i}`));
    expect(answers).toEqual(Array.from({ length: 15 }, () => "ok"));
    const written = await fixture.peer.readVars("t");
    expect(written?.vars).toEqual({ n: 15 });
    expect(new Set(written?.appliedBy).size).toBe(15);
  });

  it("writing variables does not change the task", async ({ store }) => {
    await store.createTask(newTask("t", { params: { a: 1 } }));
    const before = await store.readTask("t");
    await store.writeVars("t", { version: await versionOf(store), vars: { n: 1 }, appliedBy: "a" });
    expect(await store.readTask("t")).toEqual(before);
  });
}
