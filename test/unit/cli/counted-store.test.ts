import { expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { countedStore, type StoreEvents } from "../../../src/cli/serving/counted-store.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import type { HandlerDefinition } from "../../../src/definitions/index.ts";
import { PermanentError, RetryableError } from "../../../src/errors/index.ts";
import type { GraphNode } from "../../../src/graph/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";
import { Gate, until } from "../../helpers/waiting.ts";

function recorded(store: Store) {
  const seen: string[] = [];
  const events: StoreEvents = {
    taskEnded: (outcome) => seen.push(`task ${outcome}`),
    shardDispatched: (type) => seen.push(`${type} dispatched`),
    attemptStarted: (type) => seen.push(`${type} started`),
    attemptEnded: (type, outcome, ms) => seen.push(`${type} ${outcome}${ms >= 0 ? "" : " in no time"}`),
    batchStored: (type) => seen.push(`${type} batch`),
    batchSetAside: (type, reasonCode) => seen.push(`${type} set aside: ${reasonCode}`),
    leaseExpired: (type, to) => seen.push(`${type} expired, ${to}`),
  };
  return { store: countedStore(store, events), seen };
}

async function world(...handlers: readonly HandlerDefinition[]) {
  const state = new MemoryState();
  const { store, seen } = recorded(memoryStore({ state }));
  const { engine } = await testEngine(handlers, { state, store });
  const ended = async (...nodes: readonly GraphNode[]) => {
    const task = await engine.run(graphOf(...nodes));
    return await task.wait();
  };
  return { engine, seen, ended };
}

test("a task that finishes", async () => {
  const { seen, ended } = await world(source("read", [1, 2]), handler("keep"));
  await ended(node("read"), node("keep", ["read"]));
  expect(seen).toEqual([
    ...["read dispatched", "read started", "read batch", "read batch", "read finished"],
    ...["keep dispatched", "keep started", "keep batch", "keep batch", "keep finished", "task finished"],
  ]);
});

test("a batch that is set aside", async () => {
  const refusing = handler("keep", {
    processBatch(n) {
      if (n === 1) throw new PermanentError("refused");
      return n;
    },
  });
  const { seen, ended } = await world(source("read", [1, 2]), refusing);
  await ended(node("read"), node("keep", ["read"], { batches: { on_failure: "set_aside" } }));
  expect(seen.slice(5)).toEqual([
    ...["keep dispatched", "keep started", "keep set aside: refused", "keep batch", "keep finished", "task finished"],
  ]);
});

test("a failure that is retried, and the final one", async () => {
  const { seen, ended } = await world(
    source("read", [1], {
      loadInput(_args, { epoch }) {
        if (epoch < 2) throw new RetryableError("busy", "not yet");
        throw new PermanentError("broken", "never");
      },
    }),
    source("twice", [1], {
      loadInput() {
        throw new RetryableError("busy", "never");
      },
    }),
  );
  const { status } = await ended(node("read", [], { retry_policy: { max: 5, ...atOnce } }));
  expect(status).toBe("failed");
  const of = (type: string) => seen.filter((what) => what.startsWith(type));
  expect(of("read")).toEqual(["read dispatched", "read started", "read retried", "read started", "read failed"]);
  expect(of("task")).toEqual(["task failed"]);
  await ended(node("twice", [], { retry_policy: { max: 1, ...atOnce } }));
  expect(of("twice").slice(1)).toEqual(["twice started", "twice retried", "twice started", "twice failed"]);
});

test("a task that is cancelled", async () => {
  const gate = new Gate();
  const { engine, seen } = await world(source("read", [1], { processBatch: (_, ctx) => gate.pass(ctx.signal) }));
  const task = await engine.run(graphOf(node("read")));
  await until(() => gate.arrived === 1);
  await task.cancel({ reason: "enough" });
  await task.wait();
  expect(seen.slice(-2)).toEqual(["read cancelled", "task cancelled"]);
});

test("a released attempt, and a lost one", async () => {
  const { store, seen } = recorded(memoryStore({}));
  await store.open();
  const graph = { schema_version: "1.0", nodes: [], edges: [] } as never;
  await store.createTask({ id: "t", graph, params: {}, priority: 0 });
  const shard = { taskId: "t", nodeId: "a", shard: 0 };
  await store.dispatch(shard, { type: "read", priority: 0 });
  const claim = (epoch: number, leaseMs: number) =>
    store.claim({ ...shard, epoch }, { workerId: "w", claimId: `c${epoch}`, leaseMs });
  await claim(1, 10_000);
  const attempt = { ...shard, epoch: 1, claimId: "c1" };
  await store.release(attempt, 0);
  await store.requeue(attempt);
  await claim(2, 0);
  await until(async () => (await store.expire({ ...shard, epoch: 2 }, 5)) !== undefined);
  const late = { ...shard, epoch: 2, claimId: "c2" };
  expect(await store.renew([late], 1_000)).toEqual(["fenced"]);
  expect(await store.complete(late, { generation: 0, count: 0 })).toBe("fenced"); // counted once
  expect(seen.slice(1)).toEqual([
    "read started",
    "read released",
    "read started",
    "read expired, queued",
    "read fenced",
  ]);
  await store.close();
});
