import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  canonicalGraph,
  diffGraphs,
  findParamRefs,
  graphHash,
  graphJsonSchema,
  parseGraph,
  resolveParams,
  validateGraph,
} from "../../../src/graph/index.ts";

type Node = Readonly<Record<string, unknown>>;

const read = { node_id: "read", type: "read" };
const check = { node_id: "check", type: "check", depends_on: ["read"] };
const fix = (more: Node): Node => ({ node_id: "fix", type: "fix", depends_on: ["check"], ...more });
const reader = (more: Node = {}): Node => ({
  ...fix({}),
  io: { start_when: "ended", input_inline: { input_adapter: "pull.outcomes", input_args: {} }, ...more },
});
const wait = (args: Node, more: Node = {}): Node => ({
  ...{ node_id: "ok", type: "coordinator_fn", depends_on: ["read"], io: { fn: "wait.signal", fn_args: args } },
  ...more,
});
const paramsSchema = {
  type: "object",
  properties: { mode: { enum: ["fast", "full"] }, since: { type: "string" } },
  required: ["mode"],
};
const graphWith = (...nodes: readonly Node[]) => ({ nodes: [read, check, ...nodes], params_schema: paramsSchema });
const findingsOf = (...nodes: readonly Node[]): readonly string[] => {
  const validation = validateGraph(graphWith(...nodes));
  return validation.ok ? [] : validation.findings.map(({ path, message }) => `${path}: ${message}`);
};

describe("a graph with what version 1.0 does not have", () => {
  it.each([
    ["a condition", fix({ when: { params: { mode: "full" } } })],
    ["one of several conditions", fix({ when: [{ params: { mode: "full" } }, { status: { check: "failed" } }] })],
    ["a condition on a result", fix({ when: { results: { check: { bad: { $not: "none" } } } } })],
    ["an optional node", fix({ optional: true })],
    ["a delay", fix({ delay_sec: 0.5 })],
    ["a delay by a parameter", fix({ delay_sec: { $ref: "params.since" } })],
    ["outcomes", reader()],
    ["a wait", wait({})],
    ["a wait with a timeout", wait({ payload: { type: "object" }, on_timeout: {} }, { timeout_sec: 5 })],
  ])("is valid, and of version 1.1: %s", (_, node) => {
    const graph = parseGraph(graphWith(node));
    expect(graph.schema_version).toBe("1.1");
    expect(parseGraph(graph)).toEqual(graph);
    expect(parseGraph(canonicalGraph(graph))).toEqual(canonicalGraph(graph));
    expect(graphHash(canonicalGraph(graph))).toBe(graphHash(graph));
  });

  it("is of version 1.0 if only defaults are written, with the same hash as without them", () => {
    const written = parseGraph(graphWith(fix({ optional: false, delay_sec: 0, io: { start_when: "ready" } })));
    expect(written.schema_version).toBe("1.0");
    expect(graphHash(written)).toBe(graphHash(parseGraph(graphWith(fix({})))));
  });
});

describe("the canonical form of a condition", () => {
  it("does not depend on the order of keys and of lists", () => {
    const one = parseGraph(
      graphWith(fix({ when: [{ status: { check: ["failed", "skipped"] } }, { params: { mode: "full" } }] })),
    );
    const same = parseGraph(
      graphWith(fix({ when: [{ params: { mode: ["full"] } }, { status: { check: ["skipped", "failed"] } }] })),
    );
    expect(graphHash(one)).toBe(graphHash(same));
    expect(diffGraphs(one, same).same).toBe(true);
    const other = parseGraph(graphWith(fix({ when: { params: { mode: "fast" } } })));
    expect(diffGraphs(one, other).nodes.changed).toMatchObject([{ nodeId: "fix", changes: [{ path: "/when" }] }]);
  });

  it("is the condition itself for a list of one", () => {
    const graph = parseGraph(graphWith(fix({ when: [{ params: { mode: "full" } }] })));
    expect(canonicalGraph(graph).nodes[2]?.when).toEqual({ params: { mode: "full" } });
  });
});

describe("mistakes", () => {
  it.each([
    [fix({ when: true }), "/nodes/2/when: node 'fix': when must be a condition or a list of conditions, got true"],
    [fix({ when: {} }), "/nodes/2/when: node 'fix': when must not be empty, got an object"],
    [fix({ when: [] }), "/nodes/2/when: node 'fix': when must not be empty, got an empty list"],
    [fix({ when: { vars: {} } }), "/nodes/2/when/vars: node 'fix': unknown key 'when.vars'"],
    [
      fix({ when: [{ params: { mode: [] } }] }),
      "/nodes/2/when/0/params/mode: node 'fix': when[0].params.mode must not be empty, got an empty list",
    ],
    [
      fix({ when: { params: { mode: "ful" } } }),
      '/nodes/2/when/params/mode: node \'fix\': when.params.mode cannot be "ful": it is "fast" | "full"',
    ],
    [
      fix({ when: { params: { mod: "full" } } }),
      "/nodes/2/when/params/mod: node 'fix': when.params.mod is not a key of the data, which has mode, since",
    ],
    [
      fix({ when: { status: { read: "failed" } } }),
      "/nodes/2/when/status/read: node 'fix': when.status.read is not a key of the data, which has check",
    ],
    [
      fix({ when: { status: { check: "done" } } }),
      "/nodes/2/when/status/check: node 'fix': when.status.check cannot be \"done\": " +
        'it is "finished" | "skipped" | "cancelled" | "failed"',
    ],
    [fix({ when: { status: { check: { $exists: false } } } }), "/nodes/2/when: node 'fix': its when can never hold"],
    [
      fix({ when: { results: { check: 1 } }, io: { start_when: "first_batch" } }),
      "/nodes/2/when/results: node 'fix' starts with the first batch of its parents, " +
        "so its when cannot ask for their results",
    ],
    [fix({ optional: "yes" }), "/nodes/2/optional: node 'fix': optional must be true or false, got 'yes'"],
    [fix({ delay_sec: -1 }), "/nodes/2/delay_sec: node 'fix': delay_sec must be at least 0, got -1"],
    [fix({ delay_sec: "1" }), "/nodes/2/delay_sec: node 'fix': delay_sec must be seconds or a parameter, got '1'"],
    [
      fix({ delay_sec: { $ref: "params.wait" } }),
      "/nodes/2/delay_sec: node 'fix': the parameter 'wait' is not in params_schema",
    ],
    [
      fix({ io: { start_when: "ended" } }),
      "/nodes/2/io/start_when: node 'fix' starts when its parents have ended, so it must read them with 'pull.outcomes'",
    ],
    [
      reader({ start_when: "ready" }),
      "/nodes/2/io/input_inline/input_adapter: node 'fix' reads with 'pull.outcomes', so it must have startWhen 'ended'",
    ],
    [
      reader({ input_inline: { input_adapter: "pull.outcomes", input_args: { from_nodes: ["read"] } } }),
      "/nodes/2/io/input_inline/input_args/from_nodes/0: node 'fix' reads the outcome of 'read', " +
        "which is not one of its parents",
    ],
    [
      { node_id: "alone", type: "x", io: { start_when: "ended" } },
      "/nodes/2/io/start_when: node 'alone' is a root: a startWhen other than 'ready' needs an upstream node",
    ],
    [
      wait({}, { io: { fn: "wait.signal", start_when: "ended" } }),
      "/nodes/2/io/start_when: node 'ok' is a coordinator function, so it cannot start when its parents have ended",
    ],
    [
      wait({}, { io: { fn: "wait.signal", start_when: "first_batch" } }),
      "/nodes/2/io/start_when: node 'ok' waits for a signal, so it cannot start with the first batch of its parents",
    ],
    [wait({}, { delay_sec: 5 }), "/nodes/2/delay_sec: node 'ok' waits for a signal, so it cannot have a delay"],
    [
      wait({}, { delay_sec: { $ref: "params.since" } }),
      "/nodes/2/delay_sec: node 'ok' waits for a signal, so it cannot have a delay",
    ],
    [wait({ on_timeout: 1 }), "/nodes/2/io/fn_args/on_timeout: node 'ok': on_timeout needs a timeout_sec"],
    [
      wait({ payload: { type: "object", required: ["ok"] }, on_timeout: 1 }, { timeout_sec: 5 }),
      "/nodes/2/io/fn_args/on_timeout: node 'ok': the value that it stores after its timeout does not match its payload: " +
        "must be an object",
    ],
    [
      wait({ payload: { $ref: "#/$defs/answer" } }),
      "/nodes/2/io/fn_args/payload: node 'ok': a parameter cannot be a part of its payload schema " +
        "(write $$ref for a literal key $ref)",
    ],
    [
      wait({ payload: { type: "string", pattern: "(?=a)b" } }),
      "/nodes/2/io/fn_args/payload/pattern: the pattern '(?=a)b' is not supported: invalid or unsupported Perl syntax: `(?=`; " +
        "patterns use RE2 syntax, without lookaround or backreferences",
    ],
  ])("%j", (node, finding) => {
    expect(findingsOf(node)).toEqual([finding]);
  });
});

it("checks conditions, and what follows, by the payload of a signal", () => {
  const payload = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] };
  const after = (when: Node) => fix({ depends_on: ["ok"], when });
  expect(findingsOf(wait({ payload }), after({ results: { ok: { ok: true } } }))).toEqual([]);
  expect(findingsOf(wait({ payload }), after({ results: { ok: { ok: "yes" } } }))).toEqual([
    "/nodes/3/when/results/ok/ok: node 'fix': when.results.ok.ok cannot be \"yes\": it is boolean",
  ]);
  const where = { input_inline: { input_adapter: "pull.from_artifacts", input_args: { where: { done: true } } } };
  const validation = validateGraph({
    ...graphWith(wait({ payload }), { ...fix({ depends_on: ["ok"] }), io: where }),
    schemas: {},
  });
  expect(validation).toMatchObject({
    findings: [{ message: "node 'fix': where.done is not a key of the data, which has ok" }],
  });
});

describe("the data of outcomes", () => {
  const handlers = [
    { name: "check", output: z.string(), errors: ["declined"] },
    {
      name: "fix",
      input: z.object({ batchUid: z.string().nullable(), nodeId: z.literal("check"), reasonCode: z.string() }),
      output: z.null(),
    },
  ];
  const messagesOf = (where: unknown) => {
    const input_inline = { input_adapter: "pull.outcomes", input_args: where === undefined ? {} : { where } };
    const validation = validateGraph(graphWith(reader({ input_inline })), { handlers });
    return validation.ok ? [] : validation.findings.map(({ message }) => message);
  };

  it("is narrowed by where", () => {
    expect(messagesOf({ status: "failed" })).toEqual([]);
    expect(messagesOf({ status: "failed", reasonCode: ["declined", "timeout"] })).toEqual([]);
    expect(messagesOf(undefined)).toEqual([
      "input of 'fix': .batchUid is missing (needs string | null), .reasonCode is missing (needs string)",
    ]);
    expect(messagesOf({ status: "finished", reasonCode: { $exists: true } })).toEqual([
      "node 'fix': no batch of 'check' matches its where",
    ]);
    expect(messagesOf({ status: "gone" })).toEqual([
      'node \'fix\': where.status cannot be "gone": it is "finished" | "skipped" | "cancelled" | "failed"',
    ]);
  });
});

describe("a delay by a parameter", () => {
  const graph = parseGraph(graphWith(fix({ delay_sec: { $ref: "params.since" } })));

  it("is a reference", () => {
    expect(findParamRefs(graph)).toEqual([{ nodeId: "fix", path: "/nodes/2/delay_sec", name: ["since"] }]);
    expect(resolveParams(graph, { since: 5 }).nodes[2]?.delay_sec).toBe(5);
    expect(graph.nodes[2]?.delay_sec).toEqual({ $ref: "params.since" });
  });

  it.each([null, "5", -1])("is refused if it is %j", (since) => {
    expect(() => resolveParams(graph, { since })).toThrow(
      "node 'fix': delay_sec needs a number of seconds from 0, but the parameter 'since' is",
    );
  });

  it("is missing if the parameter is", () => {
    expect(() => resolveParams(graph, {})).toThrow(
      "node 'fix' needs the parameter 'since', which is not given (/nodes/2/delay_sec)",
    );
  });
});

it("is described by the JSON Schema", () => {
  expect(JSON.stringify(graphJsonSchema())).toContain('"delay_sec"');
});
