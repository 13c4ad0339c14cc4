import { describe, expect, test } from "vitest";
import { AttemptAborted, AttemptEnded, AttemptHandle } from "../../../../src/core/worker/attempt/attempt-handle.ts";
import { Gate } from "../../../helpers/waiting.ts";

const held = () => new AttemptHandle({ taskId: "t", nodeId: "n", shard: 0, epoch: 1, claimId: "c" }, 1_000);
const ended = (reason: string) => expect.objectContaining({ name: "AttemptEnded", reason });

describe("an attempt that a worker holds", () => {
  test("goes on until it is told to stop", async () => {
    const attempt = held();
    expect(attempt.signal.aborted).toBe(false);
    expect(() => attempt.check()).not.toThrow();
    expect(await attempt.run(Promise.resolve(7))).toBe(7);
    await expect(attempt.run(Promise.reject(new Error("own")))).rejects.toThrow("own");
  });

  test("cancelled: its signal is aborted, what runs is waited for, then it stops", async () => {
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

  test.for(["fenced", "timeout", "stopping"] as const)("%s: nobody waits for what runs", async (reason) => {
    const attempt = held();
    const running = attempt.run(new Gate().pass());
    attempt.abandon(reason);
    await expect(running).rejects.toEqual(ended(reason));
    await expect(attempt.run(Promise.resolve(1))).rejects.toEqual(ended(reason));
    expect(() => attempt.check()).toThrow(ended(reason));
  });

  test("being abandoned goes over being cancelled, never the other way; the first of two stands", () => {
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

  test("a signal that is asked for late is aborted already; its reason says nothing about other attempts", () => {
    const attempt = held();
    attempt.abandon("timeout");
    expect(attempt.signal.aborted).toBe(true);
    expect(attempt.signal.reason).toBeInstanceOf(AttemptAborted);
    expect(attempt.signal.reason).not.toBeInstanceOf(AttemptEnded);
  });

  test("a late rejection of what was let go is nobody's unhandled one", async () => {
    const attempt = held();
    const { promise, reject } = Promise.withResolvers<never>();
    const running = attempt.run(promise);
    attempt.abandon("stopping");
    await expect(running).rejects.toEqual(ended("stopping"));
    reject(new Error("late"));
    await new Promise((done) => setImmediate(done));
  });
});
