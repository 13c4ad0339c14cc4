import { expect } from "vitest";
import type { Store } from "../../../src/core/ports/index.ts";
import { competing, failureOf, newTask, type StoreTest } from "./world.ts";

async function versionOf(store: Store): Promise<number> {
  return (await store.readVars("t"))?.version ?? Number.NaN;
}

/** Adds one to `n`, again and again until no other write came in between. */
async function increment(store: Store, nodeId: string): Promise<string> {
  for (;;) {
    const current = await store.readVars("t");
    if (current === undefined) throw new Error("the task is gone");
    const n = Number(current.vars.n ?? 0) + 1;
    const answer = await store.writeVars("t", { version: current.version, vars: { n }, appliedBy: nodeId });
    if (answer !== "conflict") return answer;
  }
}

export function varsContract(it: StoreTest): void {
  it("a new task has empty variables; an unknown one has none", async ({ store }) => {
    await store.createTask(newTask("t"));
    expect(await store.readVars("t")).toMatchObject({ vars: {}, appliedBy: [] });
    expect(await store.readVars("nobody")).toBeUndefined();
  });

  it("writeVars replaces them, raises the version and remembers the node", async ({ store, other }) => {
    await store.createTask(newTask("t"));
    const version = await versionOf(store);
    const vars = { day: { count: 1 }, "a.b": [null, "x"] };
    expect(await store.writeVars("t", { version, vars, appliedBy: "a" })).toBe("ok");
    const written = await other.readVars("t");
    expect(written?.vars).toEqual(vars);
    expect(written?.appliedBy).toEqual(["a"]);
    expect(written?.version).not.toBe(version);
  });

  it("another version is a conflict that changes nothing", async ({ store, other }) => {
    await store.createTask(newTask("t"));
    const version = await versionOf(store);
    await store.writeVars("t", { version, vars: { n: 1 }, appliedBy: "a" });
    const before = await store.readVars("t");
    expect(await other.writeVars("t", { version, vars: { n: 2 }, appliedBy: "b" })).toBe("conflict");
    expect(await store.readVars("t")).toEqual(before);
  });

  it("a node's second write is recognised, whatever its version and the task's state", async ({ store, other }) => {
    await store.createTask(newTask("t"));
    const version = await versionOf(store);
    await store.writeVars("t", { version, vars: { n: 1 }, appliedBy: "a" });
    const before = await store.readVars("t");
    expect(await other.writeVars("t", { version, vars: { n: 2 }, appliedBy: "a" })).toBe("applied");
    const now = await versionOf(store);
    expect(await other.writeVars("t", { version: now, vars: { n: 2 }, appliedBy: "a" })).toBe("applied");
    await store.cancelTask("t", "enough");
    expect(await other.writeVars("t", { version, vars: { n: 1 }, appliedBy: "a" })).toBe("applied");
    expect(await store.readVars("t")).toEqual(before);
  });

  it("a task that isn't running takes no change", async ({ store }) => {
    await store.createTask(newTask("t"));
    await store.failTask("t", failureOf());
    const before = await store.readVars("t");
    const version = await versionOf(store);
    expect(await store.writeVars("t", { version, vars: { n: 1 }, appliedBy: "a" })).toBe("closed");
    await store.closeTask("t");
    expect(await store.writeVars("t", { version, vars: { n: 1 }, appliedBy: "a" })).toBe("closed");
    expect(await store.readVars("t")).toEqual(before);
  });

  it("fifteen nodes that count at once lose nothing", async (world) => {
    await world.store.createTask(newTask("t"));
    const answers = await competing(world, 15, (store, i) => increment(store, `node${i}`));
    expect(answers).toEqual(Array.from({ length: 15 }, () => "ok"));
    const written = await world.other.readVars("t");
    expect(written?.vars).toEqual({ n: 15 });
    expect(new Set(written?.appliedBy).size).toBe(15);
  });

  it("writing variables leaves the task as it is", async ({ store }) => {
    await store.createTask(newTask("t", { params: { a: 1 } }));
    const before = await store.readTask("t");
    await store.writeVars("t", { version: await versionOf(store), vars: { n: 1 }, appliedBy: "a" });
    expect(await store.readTask("t")).toEqual(before);
  });
}
