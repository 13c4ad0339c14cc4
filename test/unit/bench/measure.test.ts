import { afterEach, expect, test, vi } from "vitest";
import { type Case, measure } from "../../../bench/measure.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A case whose rounds take so many ms. */
function scripted(name: string, units: number, ms: readonly number[], order: string[] = []): Case {
  const left = [...ms];
  return {
    name,
    unit: "node",
    units,
    async prepare() {
      order.push(name);
      return { run: async () => [left.shift() ?? 1], async [Symbol.asyncDispose]() {} };
    },
  };
}

test("a ratio compares the times of the same round, per unit", async () => {
  vi.stubGlobal("gc", () => {});
  const cases = [scripted("first", 1_000, [9, 1, 10, 4]), scripted("second", 2_000, [9, 4, 8, 16])];
  const [first, second] = await measure(cases, { warmUp: 1, rounds: 3 });
  expect(first).not.toHaveProperty("ratio");
  expect(second?.ratio).toBe(2); // the medians are equal: 4 us
  expect(second).toHaveProperty("threadRatio");
});

test("every other round runs in reverse order", async () => {
  vi.stubGlobal("gc", () => {});
  const order: string[] = [];
  const cases = ["a", "b", "c"].map((name) => scripted(name, 1, [], order));
  await measure(cases, { warmUp: 1, rounds: 2 });
  expect(order.slice(0, 9).join("")).toBe("abccbaabc");
});
