import { describe, expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import type { Attempt } from "../../../src/core/model/records.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import type { Json } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { graphOf, node, parsed } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

/*
 * A store that is not atomic over a shard's record and its artifacts may accept one insert, or one complete marker, of an
 * attempt that has lost its lease in the meantime. The tests play that attempt: it has read the fence, and was then
 * suspended.
 */

const ref = { taskId: "t", nodeId: "a", shard: 0 };

/** An attempt of epoch 1 that has stored these batches and lost its lease, and whose next write is in flight. */
async function zombie(
  state: MemoryState,
  stored: readonly string[],
  write: (store: Store, by: Attempt) => Promise<unknown>,
) {
  const gate = new Gate();
  const labels = new Set(["append:insert", "complete:marker"]);
  let asleep = false;
  const store = memoryStore({ state, step: async (label) => (asleep && labels.has(label) ? gate.pass() : undefined) });
  const by = { ...ref, epoch: 1, claimId: "zombie" };
  await store.dispatch(ref, { type: "a", priority: 0 });
  await store.claim(by, { workerId: "gone", claimId: by.claimId, leaseMs: 1 });
  for (const uid of stored) await insert(store, by, uid);
  asleep = true;
  const landing = write(store, by);
  await until(() => gate.arrived === 1);
  return {
    land: async () => {
      gate.open();
      return landing;
    },
  };
}

async function insert(store: Store, by: Attempt, uid: string): Promise<unknown> {
  const { length } = await store.tail(by, 0);
  const origin = { source: "", seq: length, chunk: 0 };
  return store.append(by, 0, { seq: length, uid, origin, meta: `epoch 1: ${uid}`, metrics: {} });
}

/** The result of the next attempt, during whose first batch the late write arrives. */
async function outcome(options: {
  readonly resumable: boolean;
  readonly stored: readonly string[];
  readonly yields: readonly string[];
  readonly write: (store: Store, by: Attempt) => Promise<unknown>;
  readonly pageSize?: number;
  /** The write arrives before the first batch is yielded, not during it. */
  readonly whileIterating?: boolean;
}): Promise<Json> {
  const state = new MemoryState();
  await memoryStore({ state }).createTask({
    id: "t",
    graph: parsed(node("a"), node("b", ["a"])),
    params: {},
    priority: 0,
  });
  const { land } = await zombie(state, options.stored, options.write);
  let landed: Promise<unknown> | undefined;
  const landOnce = () => {
    landed ??= land();
    return landed;
  };
  const { engine } = await testEngine(
    [
      source("a", [], {
        resumable: options.resumable,
        async *iterBatches() {
          if (options.whileIterating === true) await landOnce();
          for (const uid of options.yields) yield { uid, payload: uid };
        },
        async processBatch(uid, ctx) {
          await landOnce();
          return `epoch ${ctx.epoch}: ${uid}`;
        },
      }),
      handler("b"),
    ],
    { state, pageSize: options.pageSize ?? 256 },
  );
  const result = (await engine.task("t").result()) as { b: Json };
  return result.b;
}

describe("a late insert of an attempt that lost its lease", () => {
  test("is adopted: the next attempt continues after it", async () => {
    const stored = await outcome({
      resumable: true,
      stored: [],
      yields: ["x", "y", "z"],
      write: (store, by) => insert(store, by, "x"),
    });
    expect(stored).toEqual(["epoch 1: x", "epoch 2: y", "epoch 2: z"]);
  });

  test("after batches that were stored before is adopted too, and is not mistaken for a duplicate uid", async () => {
    for (const whileIterating of [true, false]) {
      const stored = await outcome({
        resumable: true,
        stored: ["v", "w"],
        yields: ["v", "w", "x", "y"],
        write: (store, by) => insert(store, by, "x"),
        pageSize: 2,
        whileIterating,
      });
      expect(stored).toEqual(["epoch 1: v", "epoch 1: w", "epoch 1: x", "epoch 2: y"]);
    }
  });

  test("of a batch that the source no longer yields stays, and nothing after it is lost", async () => {
    const stored = await outcome({
      resumable: true,
      stored: [],
      yields: ["y", "z"],
      write: (store, by) => insert(store, by, "x"),
    });
    expect(stored).toEqual(["epoch 1: x", "epoch 2: y", "epoch 2: z"]);
  });

  test("into the log of a handler that cannot resume is withdrawn: its output comes from one attempt", async () => {
    const stored = await outcome({
      resumable: false,
      stored: [],
      yields: ["x", "y"],
      write: (store, by) => insert(store, by, "x"),
    });
    expect(stored).toEqual(["epoch 2: x", "epoch 2: y"]);
  });
});

describe("a late complete marker of an attempt that lost its lease", () => {
  test("closes the log: the next attempt only writes the outcome", async () => {
    const stored = await outcome({
      resumable: true,
      stored: ["x"],
      yields: ["x", "grown"],
      write: async (store, by) => store.complete(by, { generation: 0, count: 1 }),
    });
    expect(stored).toEqual(["epoch 1: x"]);
  });

  test("closes a log that a handler which cannot resume withdraws", async () => {
    const stored = await outcome({
      resumable: false,
      stored: ["x"],
      yields: ["x", "grown"],
      write: async (store, by) => store.complete(by, { generation: 0, count: 1 }),
    });
    expect(stored).toEqual(["epoch 2: x", "epoch 2: grown"]);
  });
});

test("a stale attempt whose claim has ended cannot write anything", async () => {
  const { engine, state } = await testEngine([source("a", [1])]);
  const task = await engine.run(graphOf(node("a")));
  await task.result();
  const store = memoryStore({ state });
  const by = { taskId: task.id, nodeId: "a", shard: 0, epoch: 1, claimId: "somebody" };
  expect(await insert(store, by, "late")).toBe("fenced");
  expect(await store.complete(by, { generation: 0, count: 2 })).toBe("fenced");
  expect(await store.restart(by, { generation: 1, sourceGens: {} })).toBe("fenced");
});
