import { defineCoordinatorFn, defineInputAdapter, flow } from "flowkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { failureOf } from "./failure-of.ts";

const adapter = defineInputAdapter as unknown as (name: unknown, options: object) => unknown;
const fn = defineCoordinatorFn as unknown as (name: unknown, options: object) => unknown;
const start = flow as unknown as (name?: unknown, options?: object) => unknown;
const run = () => ({});

describe("custom input adapters and functions", () => {
  test("are frozen definitions", () => {
    const latest = defineInputAdapter("pull.latest", { args: z.object({}), expand: ({ meta }) => [meta] });
    expect(latest).toMatchObject({ kind: "inputAdapter", name: "pull.latest" });
    expect(latest.expand({ meta: 1, nodeId: "a", args: {} })).toEqual([1]);
    const notify = defineCoordinatorFn("notify", { args: z.object({}), output: z.int(), run: () => 1 });
    expect(notify).toMatchObject({ kind: "coordinatorFn", name: "notify" });
    expect(Object.isFrozen(latest) && Object.isFrozen(notify)).toBe(true);
  });

  test.each<[string, () => unknown, string]>([
    [
      "an adapter without args",
      () => adapter("a", { expand: run }),
      "an input adapter 'a': 'args' must be a schema of zod 4 (import zod, or zod/v4)",
    ],
    [
      "an adapter that is built in",
      () => adapter("pull.gather", { args: z.object({}), expand: run }),
      "invalid name 'pull.gather' for an input adapter: a built-in one has this name",
    ],
    [
      "an adapter that does nothing",
      () => adapter("a", { args: z.object({}), payload: 1 }),
      "'payload' must be a schema of zod 4 (import zod, or zod/v4), or one with ~standard.jsonSchema\nan input adapter 'a': 'expand' must be a function",
    ],
    [
      "a function without a name",
      () => fn("", { args: z.object({}), output: z.int(), run }),
      "must be a non-empty string",
    ],
    [
      "a function that is built in",
      () => fn("noop", { args: z.object({}), output: z.int(), run }),
      "invalid name 'noop' for a coordinator function",
    ],
    [
      "a function without output",
      () => fn("f", { args: z.object({}), run }),
      "'output' must be a schema of zod 4 (import zod, or zod/v4)",
    ],
    [
      "reason codes that are none",
      () => fn("f", { args: z.object({}), output: z.int(), run, errors: "late" }),
      "'errors' must be a list of strings",
    ],
    ["a flow name that is not a string", () => start(run), "flow(): 'name' must be a string"],
    [
      "params that are no schema",
      () => start("f", { params: {} }),
      "flow(): 'params' must be a schema of zod 4 (import zod, or zod/v4)",
    ],
    [
      "adapters that are not input adapters",
      () => start("f", { adapters: [{}] }),
      "flow(): 'adapters' must be a list of",
    ],
  ])("refused: %s", (_, make, message) => {
    expect(failureOf(make)).toMatchObject({ code: "FLOW_INVALID", message: expect.stringContaining(message) });
  });
});
