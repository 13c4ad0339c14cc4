import { describe, expect, test } from "vitest";
import type { Fate, TcpProxy } from "../../../scripts/services/tcp-proxy.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import { FlowError } from "../../../src/errors/index.ts";
import { artifactOf, dispatchInit, longMs, newTask, recordOf, shardOf } from "../../contract/store/fixture.ts";
import { testEngine } from "../../helpers/engines.ts";
import { randomGraphs } from "../../helpers/random-graph.ts";
import { randomGraphHandlers } from "../../helpers/random-graph-handlers.ts";
import { seededRandom } from "../../helpers/seeded-random.ts";
import { misfits } from "../../helpers/stored-results.ts";
import { needsServices } from "../services.ts";
import { databases } from "./databases.ts";

/** Loses one connection in this many transfers, requests and responses alike, `most` times; delays a few others. */
function unreliable(proxy: TcpProxy, { seed, oneIn, most }: { seed: number; oneIn: number; most: number }): void {
  const random = seededRandom(seed);
  proxy.fate = (): Fate => {
    if (random() < 1 / oneIn && proxy.lost.requests + proxy.lost.answers < most) return "lose";
    return random() < 0.1 ? { delayMs: random() * 10 } : "pass";
  };
}

/** Repeats the call until it gets an answer, as the engine does. */
async function asked<T>(call: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await call();
    } catch (error) {
      if (!FlowError.is(error, "STORE_UNAVAILABLE") || tried === 100) throw error;
      expect(error.retryable).toBe(true);
    }
  }
}

/** The life of a shard whose answers must be right, whatever was lost. */
async function liveThrough(store: Store, nodeId: string): Promise<void> {
  const ref = { ...shardOf(nodeId), epoch: 1 };
  await asked(() => store.dispatch(ref, dispatchInit()));
  const claimId = `claim of ${nodeId}`;
  const claimed = await asked(() => store.claim(ref, { workerId: "w", claimId, leaseMs: longMs }));
  expect(claimed).toMatchObject({ status: "running", lease: { claimId } });
  const attempt = { ...ref, claimId };
  expect(await asked(() => store.takeSlot({ key: "all", max: 100 }, attempt))).toBe("ok");
  for (let seq = 0; seq < 5; seq++) {
    expect(await asked(async () => store.append(attempt, 0, artifactOf(seq)))).toBe("ok");
  }
  expect(await asked(() => store.renew([attempt], longMs))).toEqual(["ok"]);
  expect(await asked(() => store.report(attempt, { generation: 0, n: 1, checkpoint: nodeId }))).toBe("ok");
  for (let written = false; !written; ) {
    const before = await asked(() => store.readVars("t"));
    const next = { n: Number(before?.vars.n ?? 0) + 1 };
    const version = before?.version ?? 0;
    const answer = await asked(() => store.writeVars("t", { version, vars: next, appliedBy: nodeId }));
    expect(["ok", "applied", "conflict"]).toContain(answer);
    written = answer !== "conflict";
  }
  const outcome = { generation: 0, count: 6, result: nodeId, last: artifactOf(5) };
  expect(await asked(async () => store.completeAndClaim(attempt, outcome))).toEqual({ answer: "ok" });
  await asked(() => store.freeSlot({ key: "all", holder: attempt }));
}

describe.each(databases)("connections to $name are lost", ({ name, behindProxy }) => {
  needsServices(name);

  test("every operation has its effect once, whichever requests and answers are lost", async () => {
    const { proxy, store, direct } = await behindProxy();
    unreliable(proxy, { seed: 7, oneIn: 25, most: 200 });
    await asked(() => store.createTask(newTask("t", { idempotencyKey: "k" })));
    const nodes = Array.from({ length: 16 }, (_, index) => `n${index}`);
    await Promise.all(nodes.map((nodeId) => liveThrough(store, nodeId)));
    await asked(() => store.finishTask("t"));

    expect(proxy.lost.requests).toBeGreaterThan(0);
    expect(proxy.lost.answers).toBeGreaterThan(0);
    expect((await direct.readTask("t"))?.status).toBe("finished");
    const vars = await direct.readVars("t");
    expect(vars).toMatchObject({ vars: { n: nodes.length }, version: nodes.length });
    expect(vars?.appliedBy.toSorted()).toEqual(nodes.toSorted());
    expect(await direct.heldSlots()).toEqual([]);
    for (const nodeId of nodes) {
      const record = await recordOf(direct, shardOf(nodeId));
      expect(record).toMatchObject({ status: "finished", count: 6, result: nodeId, epoch: 1, lost: 0, failures: 0 });
      expect(record.history.map(({ cause }) => cause)).toEqual(["dispatch", "claim", "complete"]);
      const log = await direct.readArtifacts(record, 0, 0, 100);
      expect(log.map(({ seq, uid }) => [seq, uid])).toEqual([0, 1, 2, 3, 4, 5].map((seq) => [seq, `u${seq}`]));
    }
  });

  test("flows have exact results while connections are lost", async () => {
    const { proxy, store, direct, newBus } = await behindProxy();
    const bus = newBus();
    unreliable(proxy, { seed: 5, oneIn: 40, most: 25 });
    const { engine } = await testEngine(
      randomGraphHandlers({ random: seededRandom(1), failing: 0.02, pause: async () => {} }),
      { store, ...(bus && { bus }), leaseMs: 10_000, maxLostLeases: 1_000, capacity: 8, mayLogErrors: true },
    );
    for (const nodes of randomGraphs(21, 6)) {
      const task = await engine.run({ nodes });
      await task.result();
      expect(await misfits(direct, task.id, nodes)).toEqual([]);
    }
    expect(proxy.lost.requests + proxy.lost.answers).toBeGreaterThan(5);
  });

  test("an unreachable server causes STORE_UNAVAILABLE until it is back", async () => {
    const { proxy, store } = await behindProxy({ timeoutMs: 700 });
    await store.createTask(newTask("t"));
    proxy.interrupt();
    for (const call of [() => store.readTask("t"), () => store.finishTask("t"), () => store.dueTasks(1, 1)]) {
      const error = await call().catch((reason: unknown) => reason);
      expect(FlowError.is(error, "STORE_UNAVAILABLE"), String(error)).toBe(true);
      expect(error).toMatchObject({ retryable: true });
    }
    proxy.resume();
    expect(await asked(() => store.readTask("t"))).toMatchObject({ status: "running" });
  });

  test("a server that never answers causes STORE_UNAVAILABLE within the timeout", async () => {
    const { proxy, store } = await behindProxy({ timeoutMs: 500, isSilent: true });
    proxy.fate = (direction) => (direction === "answer" ? { delayMs: 60_000 } : "pass");
    const error = await store.createTask(newTask("t")).catch((reason: unknown) => reason);
    expect(FlowError.is(error, "STORE_UNAVAILABLE"), String(error)).toBe(true);
    expect(error).toMatchObject({ retryable: true });
  });
});
