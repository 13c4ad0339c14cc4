import { describe, expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../../src/adapters/memory/index.ts";
import type { Attempt, LogAccess } from "../../../../src/core/model/records.ts";
import type { Store } from "../../../../src/core/ports/index.ts";
import { FlowError } from "../../../../src/errors/index.ts";
import type { Graph, GraphNode } from "../../../../src/graph/index.ts";
import {
  appended,
  artifactOf,
  claimed,
  dispatchInit,
  failureOf,
  longMs,
  newTask,
  queuedShard,
  recordOf,
  runningShard,
  shardOf,
} from "../../../contract/store/fixture.ts";

const finishTask = async (store: Store, id: string) => {
  await store.createTask(newTask(id, { idempotencyKey: `key of ${id}` }));
  await store.finishTask(id);
};

describe("ended tasks", () => {
  test("the newest are kept, older ones are dropped with all their records", async () => {
    const state = new MemoryState();
    const store = memoryStore({ state, keepFinishedTasks: 2 });
    const attempt = await runningShard(store, shardOf("extract", 0, "first"));
    await appended(store, attempt, 1);
    await store.complete(attempt, { generation: 0, count: 1 });
    await store.finishTask("first");
    await store.createTask(newTask("failed"));
    await store.failTask("failed", failureOf());
    await store.closeTask("failed");
    await store.createTask(newTask("open"));
    expect(await store.readTask("first")).toBeDefined();

    await finishTask(store, "third");

    expect(await store.readTask("first")).toBeUndefined();
    expect(await store.readShards("first")).toEqual([]);
    expect(await store.readArtifacts(attempt, 0, 0, 10)).toEqual([]);
    expect(await store.countArtifacts("first")).toEqual([]);
    expect((await store.readTask("failed"))?.status).toBe("failed");
    expect((await store.readTask("open"))?.status).toBe("running");
    expect([...state.tasks.keys()]).toEqual(["failed", "open", "third"]);
  });

  test("a dropped task's idempotency key is free again", async () => {
    const store = memoryStore({ keepFinishedTasks: 0 });
    await finishTask(store, "a");
    const again = newTask("b", { idempotencyKey: "key of a" });
    expect(await store.createTask(again)).toEqual({ outcome: "created", id: "b" });
  });

  test("a dropped task is in no index, and late writes are rejected", async () => {
    const state = new MemoryState();
    let now = 0;
    const store = memoryStore({ state, now: () => now, keepFinishedTasks: 0 });
    const running = await runningShard(store, shardOf("running"), 10);
    await queuedShard(store, shardOf("queued"));
    await store.release(await runningShard(store, shardOf("deferred")), 0);
    await store.finishTask("t");
    now = 1_000;

    expect(await store.peekQueue(["extractor"], 10)).toEqual([]);
    expect(await store.expiredLeases(10)).toEqual([]);
    expect(await store.dueDeferred(10)).toEqual({ due: [], nextInMs: undefined });
    expect(await store.dueTasks(10, 1)).toEqual([]);
    expect(state.leased.size).toBe(0);
    expect(await store.append(running, 0, artifactOf(0))).toBe("fenced");
    expect(await store.dispatch(shardOf("late"), dispatchInit())).toBe("exists");
    expect(await store.cancelShard(shardOf("late"), { type: "x", graceMs: 0 })).toBe("cancelled");
    expect(state.tasks.size).toBe(0);
  });

  test("a thousand are kept by default", async () => {
    const state = new MemoryState();
    const store = memoryStore({ state });
    for (let i = 0; i < 1_005; i++) await finishTask(store, `t${i}`);
    expect(state.tasks.size).toBe(1_000);
    expect(await store.readTask("t4")).toBeUndefined();
    expect(await store.readTask("t5")).toBeDefined();
  });

  test("a limit that is not a count is rejected", () => {
    for (const keepFinishedTasks of [-1, 1.5, Number.NaN]) {
      expect(() => memoryStore({ keepFinishedTasks })).toThrow(/keepFinishedTasks/);
    }
  });
});

describe("indexes over changing records", () => {
  test("a queue that is not read does not grow with cancelled shards", async () => {
    const state = new MemoryState();
    const store = memoryStore({ state, keepFinishedTasks: 0 });
    for (let i = 0; i < 500; i++) {
      const ref = shardOf("extract", 0, `t${i}`);
      await queuedShard(store, ref);
      await store.cancelTask(ref.taskId, "x");
      await store.cancelShard(ref, { type: "extractor", graceMs: 0 });
      await store.closeTask(ref.taskId);
    }
    expect(state.queues.get("extractor")?.size).toBeLessThan(100);
    expect(state.sweeps.size).toBeLessThan(100);
  });

  test("compacting keeps live entries in order", async () => {
    const store = memoryStore();
    await store.createTask(newTask("t"));
    const expected: string[] = [];
    for (let i = 0; i < 500; i++) {
      const ref = shardOf(`n${i}`);
      await store.dispatch(ref, dispatchInit({ priority: i % 7 }));
      if (i % 5 === 0) expected.push(ref.nodeId);
      else await store.cancelShard(ref, { type: "extractor", graceMs: 0 });
    }
    const priority = (nodeId: string) => Number(nodeId.slice(1)) % 7;
    expected.sort((a, b) => priority(b) - priority(a));
    expect((await store.peekQueue(["extractor"], 1_000)).map(({ nodeId }) => nodeId)).toEqual(expected);
  });
});

const node = (node_id: string, depends_on: readonly string[] = [], more: Partial<GraphNode> = {}): GraphNode => ({
  node_id,
  type: "extractor",
  depends_on,
  ...more,
});

const graphOf = (...nodes: GraphNode[]): Graph => ({
  schema_version: "1.0",
  nodes,
  edges: nodes.flatMap(({ node_id, depends_on }) => depends_on.map((from) => [from, node_id] as const)),
});

/** Runs a shard to its end with two artifacts. */
async function finishShard(store: Store, nodeId: string, shard = 0): Promise<void> {
  const ref = shardOf(nodeId, shard);
  await store.dispatch(ref, dispatchInit());
  const attempt = await claimed(store, ref);
  await appended(store, attempt, 2);
  await store.complete(attempt, { generation: 0, count: 2 });
}

/** The number of artifacts that can be read from the first on. */
async function kept(store: Store, nodeId: string, shard = 0): Promise<number> {
  try {
    return (await store.readArtifacts(shardOf(nodeId, shard), 0, 0, 10)).length;
  } catch (error) {
    if (FlowError.is(error, "ARTIFACTS_DROPPED")) return 0;
    throw error;
  }
}

describe("dropConsumed", () => {
  const started = async (graph: Graph) => {
    const store = memoryStore({ dropConsumed: true });
    await store.createTask(newTask("t", { graph }));
    return store;
  };

  test("artifacts are dropped when the last reader has finished; nodes without readers keep theirs", async () => {
    const store = await started(graphOf(node("a"), node("b", ["a"]), node("c", ["a"]), node("d", ["b"])));
    await finishShard(store, "a");
    await finishShard(store, "b");
    expect(await kept(store, "a")).toBe(2);
    await finishShard(store, "c");
    expect(await kept(store, "a")).toBe(0);
    expect(await kept(store, "b")).toBe(2);
    await finishShard(store, "d");
    expect(await kept(store, "b")).toBe(0);
    expect([await kept(store, "c"), await kept(store, "d")]).toEqual([2, 2]);
  });

  test("the numbers of dropped artifacts stay correct", async () => {
    const store = await started(graphOf(node("a"), node("b", ["a"])));
    await finishShard(store, "a");
    await finishShard(store, "b");
    expect(await kept(store, "a")).toBe(0);
    expect(await store.hasArtifacts("t", "a")).toBe(true);
    expect(await store.tail(shardOf("a"), 0)).toEqual({
      length: 2,
      closed: true,
      origins: [{ source: "", seq: 1, chunk: 0 }],
    });
    expect((await recordOf(store, shardOf("a"))).count).toBe(2);
    expect(await store.countArtifacts("t")).toContainEqual({ nodeId: "a", shard: 0, count: 2 });
    expect(await store.storedUids(shardOf("a"), 0, ["u0"])).toEqual(new Set());
  });

  test("a node with partitions has finished when all of them have", async () => {
    const store = await started(graphOf(node("a", [], { partitions: 2 }), node("b", ["a"], { partitions: 2 })));
    await finishShard(store, "a", 0);
    await finishShard(store, "a", 1);
    await finishShard(store, "b", 0);
    expect(await kept(store, "a", 1)).toBe(2);
    await finishShard(store, "b", 1);
    expect([await kept(store, "a", 0), await kept(store, "a", 1)]).toEqual([0, 0]);
  });

  test("a reader may finish before a source that it does not need", async () => {
    const store = await started(graphOf(node("a"), node("b"), node("c", ["a", "b"], { fan_in: "any" })));
    await finishShard(store, "a");
    await finishShard(store, "c");
    expect(await kept(store, "a")).toBe(0);
    await finishShard(store, "b");
    expect(await kept(store, "b")).toBe(0);
  });

  test("a node that names an ancestor in its arguments reads it too", async () => {
    const input = { input_adapter: "pull.from_artifacts", input_args: { from_nodes: ["a"] } };
    const store = await started(
      graphOf(
        node("a"),
        node("b", ["a"]),
        node("c", ["b"], { io: { input_inline: input } }),
        node("d", ["b"], {
          type: "coordinator_fn",
          io: { fn: "metrics.aggregate", fn_args: { node_id: "a", mode: "sum" } },
        }),
      ),
    );
    await finishShard(store, "a");
    await finishShard(store, "b");
    await finishShard(store, "c");
    expect(await kept(store, "a")).toBe(2);
    await finishShard(store, "d");
    expect(await kept(store, "a")).toBe(0);
  });

  test("a failed reader keeps its sources", async () => {
    const store = await started(graphOf(node("a"), node("b", ["a"])));
    await finishShard(store, "a");
    await store.dispatch(shardOf("b"), dispatchInit());
    const attempt = await claimed(store, shardOf("b"));
    await store.fail(attempt, { failure: failureOf(), permanent: true, delayMs: 0, maxFailures: 1 });
    expect(await kept(store, "a")).toBe(2);
  });

  test("nothing is dropped by default", async () => {
    const store = memoryStore();
    await store.createTask(newTask("t", { graph: graphOf(node("a"), node("b", ["a"])) }));
    await finishShard(store, "a");
    await finishShard(store, "b");
    expect(await kept(store, "a")).toBe(2);
  });
});

describe("dropConsumed: streaming", () => {
  const once = { resumes: true, rereads: false };
  const started = async (...nodes: GraphNode[]) => {
    const store = memoryStore({ dropConsumed: "streaming" });
    await store.createTask(newTask("t", { graph: graphOf(...nodes) }));
    return store;
  };
  const begun = async (store: Store, nodeId: string, habits: LogAccess = once, shard = 0) => {
    const ref = shardOf(nodeId, shard);
    await store.dispatch(ref, dispatchInit());
    const by = { workerId: "w1", claimId: `claim-${nodeId}-${shard}`, leaseMs: longMs, habits };
    await store.claim({ ...ref, epoch: 1 }, by);
    return { ...ref, epoch: 1, claimId: by.claimId };
  };
  /** The reader stores its outputs of the source's artifacts up to this one. */
  const reads = async (store: Store, reader: Attempt, source: string, upTo: number) => {
    const { length } = await store.tail(reader, 0);
    for (let seq = length; seq <= upTo; seq++) {
      const artifact = artifactOf(seq, { origin: { source, seq, chunk: 0 } });
      expect(await store.append(reader, 0, artifact)).toBe("ok");
    }
  };
  /** The first seq that can be read. */
  const firstOf = async (store: Store, nodeId: string, length = 10): Promise<number> => {
    for (let from = 0; from < length; from++) {
      const page = await store.readArtifacts(shardOf(nodeId), 0, from, length).catch((error: unknown) => error);
      if (Array.isArray(page)) {
        expect(page.map(({ seq }) => seq)).toEqual(Array.from({ length: length - from }, (_, n) => from + n));
        return from;
      }
      expect(page).toMatchObject({ code: "ARTIFACTS_DROPPED", details: { taskId: "t", nodeId } });
    }
    throw new Error("all are dropped");
  };

  test("artifacts that every reader has read are dropped, except the one that it would resume from", async () => {
    const store = await started(node("a"), node("b", ["a"]), node("c", ["a"]));
    const a = await begun(store, "a");
    await appended(store, a, 10);
    const b = await begun(store, "b");
    await reads(store, b, "a/0", 8);
    expect(await firstOf(store, "a")).toBe(0); // c has not begun
    const c = await begun(store, "c");
    await reads(store, c, "a/0", 6);
    expect(await firstOf(store, "a")).toBe(5); // half of the artifacts, or none
    await reads(store, c, "a/0", 9);
    expect(await firstOf(store, "a")).toBe(8);
    expect(await store.tail(a, 0)).toMatchObject({ length: 10, origins: [{ seq: 9 }] });
    expect(await store.readUids(a, 0, 0, 10)).toEqual([]);
    expect(await store.readUids(a, 0, 8, 10)).toEqual(["u8", "u9"]);
    expect(await store.storedUids(a, 0, ["u0", "u9", "u10"])).toEqual(new Set(["u0", "u9"]));
    expect(await store.append(a, 0, artifactOf(9))).toBe("ok"); // repeated after a lost answer
  });

  test.each<readonly [string, { readonly a?: LogAccess; readonly b?: LogAccess }]>([
    ["a source that reads its own log again", { a: { resumes: true, rereads: true } }],
    ["a source that starts over", { a: { resumes: false, rereads: false } }],
    ["a reader that starts over", { b: { resumes: false, rereads: false } }],
  ])("%s keeps all artifacts", async (_, habits) => {
    const store = await started(node("a"), node("b", ["a"]));
    await appended(store, await begun(store, "a", habits.a), 10);
    await reads(store, await begun(store, "b", habits.b), "a/0", 9);
    expect(await firstOf(store, "a")).toBe(0);
  });

  test("a reader that does not declare its access keeps all artifacts", async () => {
    const store = await started(node("a"), node("b", ["a"]));
    await appended(store, await begun(store, "a"), 10);
    await store.dispatch(shardOf("b"), dispatchInit());
    await reads(store, await claimed(store, shardOf("b")), "a/0", 9);
    expect(await firstOf(store, "a")).toBe(0);
  });

  test("a restart upstream that the reader has not noticed keeps all artifacts", async () => {
    const store = await started(node("a"), node("x"), node("b", ["a", "x"]));
    await appended(store, await begun(store, "a"), 10);
    const x = await begun(store, "x", { resumes: false, rereads: false });
    await appended(store, x, 1);
    const b = await begun(store, "b");
    await store.restart(x, { generation: 1, sourceGens: {} });
    await store.complete(x, { generation: 1, count: 0 });
    await reads(store, b, "a/0", 9);
    expect(await firstOf(store, "a")).toBe(0);
  });

  test("every shard of a reader counts", async () => {
    const store = await started(node("a"), node("b", ["a"], { partitions: 2 }));
    await appended(store, await begun(store, "a"), 10);
    const [b0, b1] = [await begun(store, "b", once, 0), await begun(store, "b", once, 1)];
    await reads(store, b0, "a/0", 9);
    expect(await firstOf(store, "a")).toBe(0);
    await reads(store, b1, "a/0", 5);
    expect(await firstOf(store, "a")).toBe(5);
  });

  test("nothing is dropped once the task is ending, because a retry may adopt it", async () => {
    const store = await started(node("a"), node("b", ["a"]));
    await appended(store, await begun(store, "a"), 10);
    const b = await begun(store, "b");
    await store.failTask("t", failureOf());
    await reads(store, b, "a/0", 9);
    expect(await firstOf(store, "a")).toBe(0);
  });
});

describe("sinks", () => {
  test("a node of that type without readers keeps its last artifact only", async () => {
    const store = memoryStore({ sinks: ["extractor"] });
    await store.createTask(
      newTask("t", { graph: graphOf(node("a"), node("b", ["a"]), node("c", [], { type: "other" })) }),
    );
    const [a, b] = [await runningShard(store, shardOf("a")), await runningShard(store, shardOf("b"))];
    await store.dispatch(shardOf("c"), dispatchInit({ type: "other" }));
    const c = await claimed(store, shardOf("c"));
    for (const attempt of [a, b, c]) await appended(store, attempt, 8);
    expect(await kept(store, "a")).toBe(8);
    expect(await kept(store, "c")).toBe(8);
    expect(await kept(store, "b")).toBe(0);
    expect((await store.readArtifacts(b, 0, 7, 10)).map(({ uid }) => uid)).toEqual(["u7"]);
    expect(await store.append(b, 0, artifactOf(7))).toBe("ok"); // repeated after a lost answer
    expect(await store.tail(b, 0)).toMatchObject({ length: 8 });
  });
});

test("a closed store rejects every call", async () => {
  const store = memoryStore();
  await store.close();
  const error = await store.open().catch((reason: unknown) => reason);
  expect(FlowError.is(error, "STORE_UNAVAILABLE")).toBe(true);
  await expect(store.renew([], longMs)).rejects.toThrow(/closed/);
});
