import { describe, expect, test } from "vitest";
import { AttemptAborted, AttemptEnded, AttemptHandle } from "../../../../src/core/worker/attempt/attempt-handle.ts";
import { Gate } from "../../../helpers/waiting.ts";

const held = () => new AttemptHandle({ taskId: "t", nodeId: "n", shard: 0, epoch: 1, claimId: "c" }, 1_000);
const ended = (reason: string) => expect.objectContaining({ name: "AttemptEnded", reason });

describe("an attempt of a worker", () => {
  test("continues until it is asked to stop", async () => {
    const attempt = held();
    expect(attempt.signal.aborted).toBe(false);
    expect(() => attempt.check()).not.toThrow();
    expect(await attempt.run(Promise.resolve(7))).toBe(7);
    await expect(attempt.run(Promise.reject(new Error("own")))).rejects.toThrow("own");
  });

  test("cancelled: its signal is aborted, running calls are awaited, then it stops", async () => {
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

  test.for(["fenced", "timeout", "stopping"] as const)("%s: running calls are not awaited", async (reason) => {
    const attempt = held();
    const running = attempt.run(new Gate().pass());
    attempt.abandon(reason);
    await expect(running).rejects.toEqual(ended(reason));
    await expect(attempt.run(Promise.resolve(1))).rejects.toEqual(ended(reason));
    expect(() => attempt.check()).toThrow(ended(reason));
  });

  test("abandoning overrides cancelling but not vice versa; the first of two reasons stays", () => {
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

  test("a signal requested late is already aborted; its reason is independent of other attempts", () => {
    const attempt = held();
    attempt.abandon("timeout");
    expect(attempt.signal.aborted).toBe(true);
    expect(attempt.signal.reason).toBeInstanceOf(AttemptAborted);
    expect(attempt.signal.reason).not.toBeInstanceOf(AttemptEnded);
  });

  test("a late rejection of an abandoned call is not unhandled", async () => {
    const attempt = held();
    const { promise, reject } = Promise.withResolvers<never>();
    const running = attempt.run(promise);
    attempt.abandon("stopping");
    await expect(running).rejects.toEqual(ended("stopping"));
    reject(new Error("late"));
    await new Promise((done) => setImmediate(done));
  });
});
