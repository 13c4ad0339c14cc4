import { getEventListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../../../src/core/ports/system.ts";
import {
  AttemptAborted,
  AttemptEnded,
  AttemptHandle,
  AttemptScope,
} from "../../../../../src/core/worker/attempt/attempt-handle.ts";
import type { AttemptRun } from "../../../../../src/core/worker/attempt/attempt-run.ts";
import { TimedTry } from "../../../../../src/core/worker/attempt/timed-try.ts";
import { Gate, until } from "../../../../helpers/waiting.ts";

const held = () => new AttemptHandle({ taskId: "t", nodeId: "n", shard: 0, epoch: 1, claimId: "c" }, 1_000);
const ended = (reason: string) => expect.objectContaining({ name: "AttemptEnded", reason });

describe("an attempt that a worker runs", () => {
  test("continues until it has to stop", async () => {
    const attempt = held();
    expect(attempt.signal.aborted).toBe(false);
    expect(() => attempt.check()).not.toThrow();
    expect(await attempt.run(Promise.resolve(7))).toBe(7);
    await expect(attempt.run(Promise.reject(new Error("own")))).rejects.toThrow("own");
  });

  test("cancelled: its signal is aborted, running code is awaited, then it stops", async () => {
    const attempt = held();
    const { promise, resolve } = Promise.withResolvers<number>();
    const running = attempt.run(promise);
    attempt.cancel();
    expect(attempt.signal.aborted).toBe(true);
    resolve(3);
    expect(await running).toBe(3);
    expect(() => attempt.check()).toThrow(ended("cancelling"));
    expect(await attempt.run(Promise.resolve("a cleanup"))).toBe("a cleanup");
  });

  test.for(["fenced", "timeout", "stopping"] as const)("%s: running code is not awaited", async (reason) => {
    const attempt = held();
    const running = attempt.run(new Gate().pass());
    attempt.abandon(reason);
    await expect(running).rejects.toEqual(ended(reason));
    await expect(attempt.run(Promise.resolve(1))).rejects.toEqual(ended(reason));
    expect(() => attempt.check()).toThrow(ended(reason));
  });

  test("being abandoned overrides being cancelled, never the reverse; the first of two wins", () => {
    const one = held();
    one.cancel();
    one.abandon("fenced");
    expect(one.reason).toBe("fenced");
    const other = held();
    other.abandon("timeout");
    other.cancel();
    other.abandon("stopping");
    expect(other.reason).toBe("timeout");
  });

  test("a signal that is read late is already aborted; its reason does not describe other attempts", () => {
    const attempt = held();
    attempt.abandon("timeout");
    expect(attempt.signal.aborted).toBe(true);
    expect(attempt.signal.reason).toBeInstanceOf(AttemptAborted);
    expect(attempt.signal.reason).not.toBeInstanceOf(AttemptEnded);
  });

  test("a late rejection of abandoned code is not unhandled", async () => {
    const attempt = held();
    const { promise, reject } = Promise.withResolvers<never>();
    const running = attempt.run(promise);
    attempt.abandon("stopping");
    await expect(running).rejects.toEqual(ended("stopping"));
    reject(new Error("late"));
    await new Promise((done) => setImmediate(done));
  });
});

test("listeners that are left behind keep no attempt in memory", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const scopes = Array.from({ length: 20 }, () => {
    const scope = new AttemptScope(held());
    scope.signal.addEventListener("abort", () => scope.check());
    return new WeakRef(scope);
  });
  await until(() => {
    collect();
    return scopes.every((scope) => scope.deref() === undefined);
  }, "that all are collected");
});

test("the tries of a batch leave no listeners on the signal of their attempt", () => {
  const attempt = held();
  const run = { parts: { clock: systemClock() }, held: attempt, remainingMs: () => undefined } as unknown as AttemptRun;
  for (let tries = 0; tries < 3; tries++) {
    using timed = new TimedTry(run, attempt.signal, 1_000);
    expect(timed.signal.aborted).toBe(false);
    expect(getEventListeners(attempt.signal, "abort")).toHaveLength(1);
  }
  expect(getEventListeners(attempt.signal, "abort")).toHaveLength(0);
});

test("a try ends with its attempt", () => {
  const attempt = held();
  const run = { parts: { clock: systemClock() }, held: attempt, remainingMs: () => undefined } as unknown as AttemptRun;
  using timed = new TimedTry(run, new AttemptScope(attempt).signal, 1_000);
  attempt.abandon("stopping");
  expect(timed.signal.reason).toBe(attempt.signal.reason);
});
