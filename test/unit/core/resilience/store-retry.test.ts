import { describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../../src/core/ports/system.ts";
import { StoreRetry } from "../../../../src/core/resilience/store-retry.ts";
import { FlowError } from "../../../../src/errors/index.ts";

const unreachable = () => new FlowError("STORE_UNAVAILABLE", "down", { retryable: true });

function waitingClock() {
  const slept: number[] = [];
  return { slept, clock: { ...systemClock(), sleep: async (ms: number) => void slept.push(ms) } };
}

describe("asking a store", () => {
  test("again while it can't be reached, each time later", async () => {
    const { clock, slept } = waitingClock();
    const call = vi.fn(async () => (call.mock.calls.length < 5 ? Promise.reject(unreachable()) : "answer"));
    expect(await new StoreRetry(clock).ask(call)).toBe("answer");
    expect(slept).toEqual([10, 20, 40, 80]);
  });

  test("not for ever", async () => {
    const { clock, slept } = waitingClock();
    const call = vi.fn(() => Promise.reject(unreachable()));
    await expect(new StoreRetry(clock).ask(call)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(call.mock.calls.length).toBe(slept.length + 1);
    expect(Math.max(...slept)).toBe(1_000);
  });

  test("only when it is that: another error is the answer", async () => {
    const { clock } = waitingClock();
    const call = vi.fn(() => Promise.reject(new Error("refused")));
    await expect(new StoreRetry(clock).ask(call)).rejects.toThrow("refused");
    expect(call).toHaveBeenCalledTimes(1);
  });

  test("not when it will never be there again", async () => {
    const { clock } = waitingClock();
    const call = vi.fn(() => Promise.reject(new FlowError("STORE_UNAVAILABLE", "gone", { retryable: false })));
    await expect(new StoreRetry(clock).ask(call)).rejects.toThrow("gone");
    expect(call).toHaveBeenCalledTimes(1);
  });

  test("no more once its signal is aborted", async () => {
    const { clock } = waitingClock();
    const abort = new AbortController();
    const call = vi.fn(async () => {
      abort.abort();
      throw unreachable();
    });
    await expect(new StoreRetry(clock, abort).ask(call)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(call).toHaveBeenCalledTimes(1);
  });
});
