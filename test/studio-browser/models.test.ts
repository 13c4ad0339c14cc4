import { describe, expect, test } from "vitest";
import type { Timeline } from "../../src/studio/api.ts";
import {
  allFields,
  errorOf,
  type Field,
  fieldsOf,
  formValue,
  initialValues,
  keyOf,
} from "../../studio/src/actions/schema-model.ts";
import { merged, ratesOf, sampled } from "../../studio/src/api/live-task.ts";
import type { NodeLive, TaskLive } from "../../studio/src/api/source.ts";
import { duration, rate, waitingText } from "../../studio/src/format.ts";
import { lanesOf, ticksOf } from "../../studio/src/run/timeline-model.ts";

describe("a form for a JSON Schema", () => {
  const schema = {
    type: "object",
    required: ["file", "size", "target"],
    properties: {
      file: { type: "string", description: "A path." },
      size: { type: "integer", minimum: 1, default: 500 },
      dry: { type: "boolean" },
      mode: { enum: ["fast", 2, null] },
      tags: { type: "array", items: { type: "string" } },
      target: { $ref: "#/$defs/Target" },
    },
    $defs: {
      Target: { type: "object", required: ["db"], properties: { db: { type: "string" }, port: { type: "number" } } },
    },
  };
  const fields = fieldsOf(schema);
  const field = (...path: readonly string[]): Field => {
    const found = allFields(fields).find((each) => keyOf(each) === JSON.stringify(path));
    if (found === undefined) throw new Error(`no field ${path}`);
    return found;
  };

  test("has a field for each key, by its type", () => {
    expect(allFields(fields).map(({ path, kind, isRequired }) => [path.join("."), kind.kind, isRequired])).toEqual([
      ["file", "text", true],
      ["size", "number", false],
      ["dry", "boolean", false],
      ["mode", "choice", false],
      ["tags", "json", false],
      ["target.db", "text", true],
      ["target.port", "number", false],
    ]);
    expect(field("file").hint).toBe("A path.");
  });

  test("builds the value from the input, and omits empty fields", () => {
    const typed = new Map(initialValues(fields));
    expect(formValue(fields, typed)).toEqual({ size: 500, target: {} });
    const type = (value: string | boolean, ...path: readonly string[]) => typed.set(JSON.stringify(path), value);
    type("a.csv", "file");
    type("", "size");
    type(false, "dry");
    type("2", "mode");
    type('["x"]', "tags");
    type("main", "target", "db");
    expect(formValue(fields, typed)).toEqual({
      file: "a.csv",
      dry: false,
      mode: 2,
      tags: ["x"],
      target: { db: "main" },
    });
  });

  test("says what is wrong", () => {
    expect(errorOf(field("file"), undefined)).toBe("Enter file.");
    expect(errorOf(field("size"), "0")).toBe("Enter 1 or more.");
    expect(errorOf(field("size"), "1.5")).toBe("Enter a whole number.");
    expect(errorOf(field("size"), "many")).toBe("Enter a number.");
    expect(errorOf(field("tags"), "[")).toBe("This is not valid JSON.");
    expect(errorOf(field("target", "port"), "")).toBeUndefined();
  });

  test("for a value that is not an object has one field", () => {
    const [only, ...others] = fieldsOf({ type: "boolean" });
    expect(others).toEqual([]);
    expect(only?.path).toEqual([]);
    expect(formValue(fieldsOf({ type: "string" }), new Map([["[]", "yes"]]))).toBe("yes");
  });

  test("for a schema that refers to itself ends", () => {
    const tree = { type: "object", properties: { left: { $ref: "#" } } };
    expect(allFields(fieldsOf(tree)).map(({ kind }) => kind.kind)).toEqual(["json"]);
  });
});

describe("the timeline", () => {
  const span = { nodeId: "clean", shard: 0, epoch: 1 };
  const timeline: Timeline = {
    from: 0,
    to: 900,
    forgotten: 0,
    spans: [
      { ...span, state: "queued", from: 0, to: 100, cause: "dispatch", endCause: "claim" },
      {
        ...span,
        state: "running",
        from: 100,
        to: 300,
        cause: "claim",
        endCause: "fail",
        reasonCode: "odd",
        workerId: "w",
      },
      { ...span, state: "deferred", from: 300, to: 500, cause: "fail" },
      { ...span, epoch: 2, state: "running", from: 500, cause: "claim", workerId: "w" },
    ],
  };

  test("has a bar for each state, with words that say what it was", () => {
    const [lane, ...others] = lanesOf(timeline, 900, duration);
    expect(others).toEqual([]);
    expect(lane?.bars.map(({ look, from, to }) => [look, from, to])).toEqual([
      ["queued", 0, 100],
      ["failed", 100, 300],
      ["retrying", 300, 500],
      ["running", 500, 900],
    ]);
    expect(lane?.summary).toBe(
      "queued for 100 ms; attempt 1 failed after 200 ms · w · odd; waited 200 ms before its next attempt; attempt 2 has been running for 400 ms · w",
    );
  });

  test("has round ticks", () => {
    expect(ticksOf(7_700, 6)).toEqual([0, 2_000, 4_000, 6_000]);
    expect(ticksOf(40, 6)).toEqual([0, 10, 20, 30, 40]);
    expect(ticksOf(3 * 86_400_000, 6).length).toBeLessThanOrEqual(8);
  });
});

describe("changes", () => {
  const node = (nodeId: string, done: number): NodeLive => ({
    nodeId,
    state: "running",
    explain: [],
    attempts: 1,
    failures: 0,
    batches: { done, failed: 0, retrying: 0, carried: 0 },
    metrics: {},
  });
  const live = (at: number, nodes: readonly NodeLive[]): TaskLive => ({
    at,
    state: "running",
    vars: {},
    nodes,
    edges: [],
    actions: [],
  });

  test("of a task replace the nodes that they list, and keep the others as they are", () => {
    const before = live(1, [node("a", 1), node("b", 1)]);
    const after = merged(before, live(2, [node("b", 5)]));
    expect(after.nodes[0]).toBe(before.nodes[0]);
    expect(after.nodes[1]?.batches.done).toBe(5);
    expect(after.at).toBe(2);
  });

  test("are sampled at most once a second, and give rates", () => {
    let samples = sampled(undefined, live(1_000, [node("a", 0)]));
    expect(sampled(samples, live(1_500, [node("a", 9)]))).toBe(samples);
    samples = sampled(samples, live(3_000, [node("a", 10)]));
    expect(ratesOf(samples)).toEqual(new Map([["a", [5]]]));
    for (let second = 4; second < 3_000; second++) samples = sampled(samples, live(1_000 * second, [node("a", 10)]));
    expect(samples.at.length).toBeLessThanOrEqual(900);
    expect(samples.done.get("a")).toHaveLength(samples.at.length);
  });
});

test("durations and rates in words", () => {
  expect([840, 3_210, 42_000, 252_000, 7_500_000, 273_600_000].map(duration)).toEqual([
    "840 ms",
    "3.2 s",
    "42 s",
    "4 min 12 s",
    "2 h 5 min",
    "3 d 4 h",
  ]);
  expect([0, 0.1, 12.34, 1_234].map(rate)).toEqual(["0/s", "6.0/min", "12.3/s", "1,234/s"]);
});

test("what a run waits for in words", () => {
  const until = new Date(2026, 10, 30, 14, 3, 21).getTime();
  const today = new Date(until).toDateString();
  const text = (waiting: Partial<Parameters<typeof waitingText>[0]>, day = today) =>
    waitingText({ nodeId: "approve", for: "signal", others: 0, ...waiting }, day);
  expect([
    text({}),
    text({ until, others: 1 }),
    text({ for: "time", until }),
    text({ for: "retry", until, others: 2 }, "Tue Dec 01 2026"),
  ]).toEqual([
    "Waiting for signal 'approve'",
    "Waiting for signal 'approve' until 14:03:21 · 1 other node waits too",
    "Waiting until 14:03:21 to start 'approve'",
    "Waiting until 2026-11-30 14:03:21 to retry 'approve' · 2 other nodes wait too",
  ]);
});
