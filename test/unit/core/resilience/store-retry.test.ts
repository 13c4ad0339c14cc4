import { describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../../src/core/ports/system.ts";
import { StoreRetry } from "../../../../src/core/resilience/store-retry.ts";
import { FlowError } from "../../../../src/errors/index.ts";

const unreachable = () => new FlowError("STORE_UNAVAILABLE", "down", { retryable: true });

function waitingClock() {
  const slept: number[] = [];
  return { slept, clock: { ...systemClock(), sleep: async (ms: number) => void slept.push(ms) } };
}

describe("a store call is retried", () => {
  test("while the store is unreachable, with growing delays", async () => {
    const { clock, slept } = waitingClock();
    const call = vi.fn(async () => (call.mock.calls.length < 5 ? Promise.reject(unreachable()) : "answer"));
    expect(await new StoreRetry(clock).run(call)).toBe("answer");
    expect(slept).toEqual([10, 20, 40, 80]);
  });

  test("but not forever", async () => {
    const { clock, slept } = waitingClock();
    const call = vi.fn(() => Promise.reject(unreachable()));
    await expect(new StoreRetry(clock).run(call)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(call.mock.calls.length).toBe(slept.length + 1);
    expect(Math.max(...slept)).toBe(1_000);
  });

  test("for no other error, which is thrown", async () => {
    const { clock } = waitingClock();
    const call = vi.fn(() => Promise.reject(new Error("refused")));
    await expect(new StoreRetry(clock).run(call)).rejects.toThrow("refused");
    expect(call).toHaveBeenCalledTimes(1);
  });

  test("not if the store is unreachable permanently", async () => {
    const { clock } = waitingClock();
    const call = vi.fn(() => Promise.reject(new FlowError("STORE_UNAVAILABLE", "gone", { retryable: false })));
    await expect(new StoreRetry(clock).run(call)).rejects.toThrow("gone");
    expect(call).toHaveBeenCalledTimes(1);
  });

  test("not after its signal was aborted", async () => {
    const { clock } = waitingClock();
    const abort = new AbortController();
    const call = vi.fn(async () => {
      abort.abort();
      throw unreachable();
    });
    await expect(new StoreRetry(clock, abort).run(call)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(call).toHaveBeenCalledTimes(1);
  });
});
