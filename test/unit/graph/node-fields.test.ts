import { canonicalGraph, flow, param, parseGraph, toTypeScript } from "flowkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { defineHandler } from "../../../src/dsl/index.ts";
import { setFields } from "../../../src/graph/format/known-keys.ts";
import { batchFields, type Field, ioFields, nodeFields } from "../../../src/graph/format/node-fields.ts";

const read = defineHandler("read", { output: z.int(), *iterBatches() {} });
const add = defineHandler("add", { input: z.int(), output: z.int(), processBatch: (n) => n });

/** A value other than the default for each option that is a field of the graph. */
const options = {
  fanIn: "any",
  when: { params: { day: "today" } },
  optional: true,
  delaySec: 1.5,
  startWhen: "first_batch",
  retry: { max: 7, backoffSec: 0.5, permanentOn: ["timeout"], backoffFactor: 2, backoffMaxSec: 60, jitter: 0 },
  partitions: 3,
  timeoutSec: 90,
  maxPendingBatches: 8,
  ordered: true,
  onBatchFailure: "setAside",
  tolerate: { batches: 4, share: 0.25 },
  batchTimeoutSec: 45,
  limits: { maxRunning: 2, perSec: 0.5, burst: 3, key: param("day") },
} as const;

const rows = [nodeFields, ioFields, batchFields].flatMap((fields) => Object.entries<Field>(fields));
/** The builder's name for a field: of the option that holds it, if it is a key of one. */
const optionOf = ({ within, option }: Field): string | undefined => within ?? option;
const added = flow("added", { params: z.object({ day: z.string() }) })
  .node("read", read)
  .node("add", add, { after: ["read"], ...options });

describe("an option that is a field of the graph", () => {
  test("has a value in this test, as do its nested options", () => {
    const names = new Set(rows.flatMap(([, field]) => optionOf(field) ?? []));
    expect(Object.keys(options).sort()).toEqual([...names].sort());
    const within = rows.flatMap(([, field]) => (field.within === "tolerate" ? (field.option ?? []) : []));
    expect(Object.keys(options.tolerate)).toEqual(within);
    for (const [, { option, fields }] of rows) {
      if (option === undefined || fields === undefined) continue;
      expect(Object.keys({ ...options }[option as "retry"]).sort()).toEqual(
        Object.values(fields)
          .map((inner) => inner.option)
          .sort(),
      );
    }
  });

  test("is compiled, and kept by the canonical form", () => {
    const graph = added.compile();
    const keys = setFields(graph.nodes[1] as never).flatMap(({ field, key }) => (field.option ? key : []));
    const all = rows.flatMap(([key, { option, fields = {} }]) => (option ? [key, ...Object.keys(fields)] : []));
    expect(graph.nodes[1]?.batches).toEqual({
      ...{ ordered: true, on_failure: "set_aside", tolerate_batches: 4, tolerate_share: 0.25, timeout_sec: 45 },
    });
    expect(keys.sort()).toEqual(all.sort());
    expect(canonicalGraph(graph)).toEqual(graph);
  });

  test("is generated as it was written", () => {
    expect(toTypeScript(added.compile(), { handlersFrom: "./handlers.ts" })).toContain(`
  .then("add", add, {
    fanIn: "any",
    startWhen: "first_batch",
    maxPendingBatches: 8,
    ordered: true,
    onBatchFailure: "setAside",
    tolerate: { batches: 4, share: 0.25 },
    batchTimeoutSec: 45,
    input: { adapter: "pull.from_artifacts" },
    when: { params: { day: "today" } },
    optional: true,
    delaySec: 1.5,
    retry: { max: 7, backoffSec: 0.5, permanentOn: ["timeout"], backoffFactor: 2, backoffMaxSec: 60, jitter: 0 },
    partitions: 3,
    timeoutSec: 90,
    limits: { maxRunning: 2, perSec: 0.5, burst: 3, key: param("day") },
  });
`);
  });

  test("is left out of the compiled and the canonical graph if it has its default", () => {
    const defaults = rows.flatMap(([key, { default: value, option, within }]) =>
      option === undefined || value === undefined ? [] : [[key, option, within, value] as const],
    );
    const written = Object.fromEntries(
      defaults.map(([, option, within, value]) => [within ?? option, within ? { [option]: value } : value]),
    );
    const plain = flow()
      .node("read", read)
      .node("add", add, { after: ["read"] })
      .compile();
    const compiled = flow()
      .node("read", read)
      .node("add", add, { after: ["read"], ...(written as object) })
      .compile();
    expect(JSON.stringify(compiled)).toBe(JSON.stringify(plain));
    const inNode = Object.fromEntries(
      defaults.flatMap(([key, , , value]) => (key in nodeFields ? [[key, value]] : [])),
    );
    const inIo = Object.fromEntries(defaults.flatMap(([key, , , value]) => (key in ioFields ? [[key, value]] : [])));
    const batches = Object.fromEntries(
      defaults.flatMap(([key, , , value]) => (key in batchFields ? [[key, value]] : [])),
    );
    const [first, second] = plain.nodes;
    const verbose = parseGraph({ nodes: [first, { ...second, ...inNode, io: { ...second?.io, ...inIo }, batches }] });
    expect(canonicalGraph(verbose)).toEqual(canonicalGraph(plain));
  });
});

test.each([...new Set(rows.flatMap(([, field]) => (field.handlersOnly ? (optionOf(field) ?? []) : [])))])(
  "a coordinator function has no option %s",
  (option) => {
    const wrong: object = { [option]: { ...options }[option] };
    const args = { fromNodes: ["read"], target: { key: "all" } } as const;
    const withFunction = flow()
      .node("read", read)
      .fn("join", "merge.generic", { after: ["read"], args, ...wrong });
    expect(() => withFunction.compile()).toThrow(`node 'join': unknown option '${option}'`);
  },
);
