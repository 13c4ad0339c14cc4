import { describe, expect, it } from "vitest";
import { builtInFunctionArgs } from "../../../../src/builtins/coordinator-functions/index.ts";
import { builtInCoordinatorFns } from "../../../../src/definitions/built-in-functions.ts";
import { call } from "./fake-context.ts";

describe("the built-in coordinator functions", () => {
  it("are exactly those whose arguments the graph knows, with the same schemas", () => {
    expect(Object.fromEntries(builtInCoordinatorFns.map((fn) => [fn.name, fn.args]))).toEqual(builtInFunctionArgs);
  });

  it.each(Object.keys(builtInFunctionArgs).filter((name) => name !== "noop"))(
    "%s refuses unknown arguments",
    async (fn) => {
      await expect(call(fn, { nonsense: 1 })).rejects.toThrow("nonsense");
    },
  );

  it("noop takes anything and stores an empty object", async () => {
    await expect(call("noop", {})).resolves.toEqual({});
    await expect(call("noop", { note: "later", list: [1] })).resolves.toEqual({});
  });
});
