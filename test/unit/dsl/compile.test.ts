import { defineCoordinatorFn, defineHandler, defineInputAdapter, type FlowDefinition, flow, param } from "flowkit";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { failureOf } from "./failure-of.ts";

const Row = z.object({ id: z.string() });
const extract = defineHandler("extractor", {
  args: z.object({ batch_size: z.int().positive(), day: z.string().optional() }),
  output: z.object({ rows: z.array(Row) }),
  *iterBatches() {
    yield { payload: { rows: [] } };
  },
});
const transform = defineHandler("transformer", {
  input: z.array(Row),
  output: z.object({ n: z.int().default(0) }),
  processBatch: (rows) => ({ n: rows.length }),
});
const load = defineHandler("loader", {
  input: z.object({ n: z.int() }),
  output: z.object({ n: z.int() }),
  processBatch: (payload) => payload,
});

const etl = flow("etl")
  .node("extract", extract, { args: { batch_size: 500 } })
  .then("transform", transform, {
    startWhen: "first_batch",
    input: { adapter: "pull.from_artifacts.rechunk:size", size: 10, metaListKey: "rows" },
    retry: { max: 3, backoffSec: 300, permanentOn: ["bad_input", "schema_mismatch"] },
  })
  .fn("merge", "merge.generic", {
    after: ["transform"],
    args: { fromNodes: ["transform"], target: { key: "merged_result" } },
  });

describe("the compiled graph", () => {
  test("is the documented JSON, with adapters, sources and edges written out and defaults left out", () => {
    expect(etl.compile()).toStrictEqual({
      schema_version: "1.0",
      name: "etl",
      nodes: [
        { node_id: "extract", type: "extractor", depends_on: [], io: { input_inline: { batch_size: 500 } } },
        {
          node_id: "transform",
          type: "transformer",
          depends_on: ["extract"],
          io: {
            start_when: "first_batch",
            input_inline: {
              input_adapter: "pull.from_artifacts.rechunk:size",
              input_args: { from_nodes: ["extract"], size: 10, meta_list_key: "rows" },
            },
          },
          retry_policy: { max: 3, backoff_sec: 300, permanent_on: ["bad_input", "schema_mismatch"] },
        },
        {
          node_id: "merge",
          type: "coordinator_fn",
          depends_on: ["transform"],
          io: { fn: "merge.generic", fn_args: { from_nodes: ["transform"], target: { key: "merged_result" } } },
        },
      ],
      edges: [
        ["extract", "transform"],
        ["transform", "merge"],
      ],
    });
  });

  test("has the parameters as JSON Schema, as people write it", () => {
    const params = z.object({ days: z.int().default(1), from: z.int().min(3).optional() });
    expect(
      flow("etl", { params })
        .node("a", load, { args: { n: 1 } })
        .compile().params_schema,
    ).toStrictEqual({
      type: "object",
      properties: { days: { type: "integer", default: 1 }, from: { type: "integer", minimum: 3 } },
    });
  });

  test("is one deeply frozen object", () => {
    const graph = etl.compile();
    expect(etl.compile()).toBe(graph);
    expect(Object.isFrozen(graph.nodes[1]?.io?.input_inline?.input_args)).toBe(true);
    expect(etl.compile({ primed: true })).toBe(etl.compile({ primed: true }));
  });

  test("shares nothing with the author's objects", () => {
    const after: ["extract"] = ["extract"];
    const changing = flow()
      .node("extract", extract, { args: { batch_size: 1 } })
      .node("t", sink, { after });
    const graph = changing.compile();
    expect(graph.nodes[1]?.depends_on).not.toBe(after);
    expect(Object.isFrozen(after)).toBe(false);
  });

  test("has every option", () => {
    const graph = flow()
      .node("a", load, {
        args: { n: 1 },
        partitions: 2,
        timeoutSec: 1.5,
        maxPendingBatches: 10,
        limits: { maxRunning: 2 },
      })
      .node("b", load, { after: ["a"], fanIn: "all", startWhen: "ready", retry: {} })
      .node("c", load, {
        after: ["a", "b"],
        fanIn: "any",
        retry: { backoffFactor: 2, backoffMaxSec: 60, jitter: 0 },
        input: { adapter: "pull.from_artifacts", from: ["b"], pollMs: 5, backoffMaxMs: 50, eofOnTaskDone: false },
      })
      .fn("d", "metrics.aggregate", { after: ["c"], startWhen: "first_batch", timeoutSec: 3, args: { nodeId: "c" } })
      .compile();
    expect(graph.nodes).toStrictEqual([
      {
        node_id: "a",
        type: "loader",
        depends_on: [],
        io: { input_inline: { n: 1 }, max_pending_batches: 10 },
        partitions: 2,
        limits: { max_running: 2 },
        timeout_sec: 1.5,
      },
      { node_id: "b", type: "loader", depends_on: ["a"], io: { input_inline: pullFrom("a") } },
      {
        node_id: "c",
        type: "loader",
        depends_on: ["a", "b"],
        fan_in: "any",
        io: {
          input_inline: {
            input_adapter: "pull.from_artifacts",
            input_args: { from_nodes: ["b"], poll_ms: 5, backoff_max_ms: 50, eof_on_task_done: false },
          },
        },
        retry_policy: { backoff_factor: 2, backoff_max_sec: 60, jitter: 0 },
      },
      {
        node_id: "d",
        type: "coordinator_fn",
        depends_on: ["c"],
        io: { start_when: "first_batch", fn: "metrics.aggregate", fn_args: { node_id: "c" } },
        timeout_sec: 3,
      },
    ]);
  });

  test("has the sources of a gather by id or by alias", () => {
    const gather = defineHandler("gatherer", {
      input: z.record(z.string(), z.array(z.json())),
      output: z.int(),
      processBatch: () => 1,
    });
    const graph = flow()
      .node("a", load, { args: { n: 1 } })
      .then("all", gather, { input: { adapter: "pull.gather" } })
      .node("named", gather, { after: ["a"], input: { adapter: "pull.gather", from: { first: "a" } } })
      .compile();
    expect(graph.nodes.map((node) => node.io?.input_inline?.input_args)).toStrictEqual([
      undefined,
      { from_nodes: ["a"] },
      { from: { first: "a" } },
    ]);
  });

  test("primed: has the run-time fields that an external coordinator expects", () => {
    expect(
      flow()
        .node("a", load, { args: { n: 1 } })
        .compile({ primed: true }).nodes[0],
    ).toMatchObject({
      status: "queued",
      attempt_epoch: 0,
      stats: {},
      lease: {},
    });
  });

  test("with schemas: has args, input and output of each type", () => {
    const { schemas } = etl.compile({ schemas: true });
    expect(Object.keys(schemas ?? {})).toEqual(["extractor", "transformer"]);
    expect(schemas?.extractor?.args).toMatchObject({ required: ["batch_size"] });
    expect(schemas?.transformer?.input).toMatchObject({ type: "array" });
    // The key may be missing on the way in, but never in what is stored.
    expect(schemas?.transformer?.output).toMatchObject({ required: ["n"] });
    expect(etl.compile()).not.toHaveProperty("schemas");
  });

  test("has the adapter that the handler suggests, if the node names none", () => {
    const suggests = defineHandler("suggests", {
      input: z.array(Row),
      output: z.int(),
      inputAdapter: { adapter: "pull.from_artifacts.rechunk:size", size: 5, metaListKey: "rows" },
      processBatch: (rows) => rows.length,
    });
    expect(suggests.inputAdapter).toStrictEqual({
      adapter: "pull.from_artifacts.rechunk:size",
      args: { size: 5, meta_list_key: "rows" },
    });
    const started = flow().node("extract", extract, { args: { batch_size: 1 } });
    const graph = started.then("b", suggests).compile();
    expect(graph.nodes[1]?.io?.input_inline).toStrictEqual({
      input_adapter: "pull.from_artifacts.rechunk:size",
      input_args: { from_nodes: ["extract"], size: 5, meta_list_key: "rows" },
    });
  });
});

describe("parameters and arguments", () => {
  const dated = flow("dated", { params: z.object({ day: z.iso.date(), size: z.int().default(10) }) });

  test("references are written in place of values, with the schema of all parameters", () => {
    const graph = dated
      .node("extract", extract, { args: { batch_size: param("size"), day: param("day") } })
      .fn("vars", "vars.set", { args: { kv: { at: { day: param("day") } } } })
      .compile();
    expect(graph.nodes[0]?.io?.input_inline).toStrictEqual({
      batch_size: { $ref: "params.size" },
      day: { $ref: "params.day" },
    });
    expect(graph.nodes[1]?.io?.fn_args).toStrictEqual({ kv: { at: { day: { $ref: "params.day" } } } });
    expect(graph.params_schema).toMatchObject({ required: ["day"], properties: { size: { default: 10 } } });
    expect(dated.paramsSchema).toBeDefined();
  });

  test("an object that looks like a reference is escaped, and names of arguments are unchanged", () => {
    const any = defineHandler("any", {
      args: z.object({ someValue: z.record(z.string(), z.json()), gone: z.int().optional() }),
      output: z.int(),
      processBatch: () => 1,
    });
    const graph = flow()
      .node("a", any, { args: { someValue: { $ref: "params.day", $$ref: 1, fromNodes: [] }, gone: undefined } })
      .compile();
    expect(graph.nodes[0]?.io?.input_inline).toStrictEqual({
      someValue: { $$ref: "params.day", $$$ref: 1, fromNodes: [] },
    });
  });

  test("custom functions and adapters keep their arguments as written", () => {
    const notify = defineCoordinatorFn("slack.notify", {
      args: z.object({ nodeId: z.string() }),
      output: z.object({ sent: z.boolean() }),
      run: () => ({ sent: true }),
    });
    const latest = defineInputAdapter("pull.latest", {
      args: z.object({ pollMs: z.number() }),
      expand: ({ meta }) => [meta],
    });
    const own = flow("own", { adapters: [latest] })
      .node("a", load, { args: { n: 1 } })
      .then("b", load, { input: { adapter: "pull.latest", pollMs: 3 } })
      .fn("c", notify, { after: ["b"], args: { nodeId: "b" } });
    const [, b, c] = own.compile().nodes;
    expect(b?.io?.input_inline?.input_args).toStrictEqual({ from_nodes: ["a"], pollMs: 3 });
    expect(c?.io).toStrictEqual({ fn: "slack.notify", fn_args: { nodeId: "b" } });
    expect(own.inputAdapters).toEqual([latest]);
    expect(own.coordinatorFns).toEqual([notify]);
    expect(own.handlers).toEqual({ loader: load });
  });

  const untyped = dated as unknown as Untyped;
  test.each([
    ["ill-typed", { batch_size: "many" }, "node 'a': args.batch_size: Invalid input: expected number, received string"],
    ["out of range", { batch_size: 0 }, "node 'a': args.batch_size: Too small: expected number to be >0"],
    ["unknown", { batch_size: 1, batchSize: 1 }, "node 'a': handler 'extractor' does not accept argument 'batchSize'"],
    ["missing", {}, "node 'a': handler 'extractor' needs args (missing: batch_size)"],
    ["an unknown parameter", { batch_size: param("sise") }, "'sise' is not a parameter of this flow"],
    ["a reserved name", { batch_size: 1, input_adapter: "x" }, "argument name 'input_adapter' is reserved"],
    ["not an object", [1], "node 'a': 'args' must be an object"],
    ["not JSON", { batch_size: 1, day: new Date(0) }, "args.day"],
  ])("%s arguments are refused", (_, args, message) => {
    expect(failureOf(() => untyped.node("a", extract, { args }).compile())).toMatchObject({
      code: "FLOW_INVALID",
      message: expect.stringContaining(message),
    });
  });

  test("a value that a parameter fills in is not checked by compile()", () => {
    const bounded = defineHandler("bounded", {
      args: z.object({ day: z.string().min(3), at: z.object({ n: z.int() }) }),
      output: z.int(),
      processBatch: () => 1,
    });
    expect(() =>
      dated.node("a", bounded, { args: { day: param("day"), at: { n: param("size") } } }).compile(),
    ).not.toThrow();
  });
});

describe("mistakes that only the checks of the graph find", () => {
  test("are reported as FLOW_INVALID", () => {
    const failure = failureOf(() =>
      flow()
        .node("a", load, { args: { n: 1 }, partitions: 0 })
        .compile(),
    );
    expect(failure).toMatchObject({ code: "FLOW_INVALID", cause: { code: "GRAPH_INVALID" } });
    expect(failure).toHaveProperty("details.findings.0.path", "/nodes/0/partitions");
  });

  test("all mistakes are reported at once, none twice", () => {
    const failure = failureOf(() =>
      (flow("broken") as unknown as Untyped)
        .node("a", load, { args: { n: 1 }, timeouSec: 3 })
        .node("a", {}, { after: "a" })
        .node("b", load, { after: ["c"] })
        .compile(),
    );
    expect(failure).toHaveProperty("details.findings", [
      { message: "node 'a': unknown option 'timeouSec' (did you mean 'timeoutSec'?)" },
      { message: "node id 'a' is already used in this flow" },
      { message: "node 'a' needs a definition made by defineHandler()" },
      { message: "node 'a': 'after' must be a list of node ids" },
      { message: "node 'b': 'c' is not a node declared before it" },
    ]);
  });

  test.each([
    [{ tolerate: { batches: 1 } }, "'onBatchFailure' must be 'setAside' if 'tolerate' is set"],
    [{ onBatchFailure: "fail", tolerate: { share: 0.5 } }, "'onBatchFailure' must be 'setAside' if 'tolerate' is set"],
    [{ onBatchFailure: "setAside", tolerate: 3 }, "'tolerate' must be an object with 'batches' or 'share'"],
    [{ onBatchFailure: "setAside", tolerate: [3] }, "'tolerate' must be an object with 'batches' or 'share'"],
    [
      { onBatchFailure: "setAside", tolerate: { shares: 0.5 } },
      "unknown option 'tolerate.shares' (did you mean 'share'?)",
    ],
    [{ onBatchFailure: "setAside", tolerate: { share: 2 } }, "batches.tolerate_share must be at most 1, got 2"],
    [{ onBatchFailure: "setAside", tolerate: { batches: -1 } }, "batches.tolerate_batches must be at least 0, got -1"],
    [{ onBatchFailure: "set_aside" }, "'onBatchFailure' must be 'fail' or 'setAside'"],
    [{ onBatchFailure: true }, "'onBatchFailure' must be 'fail' or 'setAside'"],
    [{ batches: 3 }, "unknown option 'batches'"],
    [{ batchTimeoutSec: 0 }, "batches.timeout_sec must be more than 0, got 0"],
  ])("%o is reported", (options, message) => {
    const failure = failureOf(() =>
      (flow() as unknown as Untyped).node("a", load, { args: { n: 1 }, ...options }).compile(),
    );
    expect(failure).toMatchObject({ code: "FLOW_INVALID", message: expect.stringContaining(message) });
    expect(failure).toHaveProperty("details.findings.length", 1);
  });

  test("a tolerated share of 1 is the default, and needs nothing set aside", () => {
    const [node] = (flow() as unknown as Untyped)
      .node("a", load, { args: { n: 1 }, tolerate: { share: 1 } })
      .compile().nodes;
    expect(node).not.toHaveProperty("batches");
  });

  test("an unknown reason code is reported with the one that was probably meant", () => {
    const failure = failureOf(() =>
      (flow() as unknown as Untyped)
        .node("a", load, { args: { n: 1 }, retry: { permanentOn: ["bad_inptu"] } })
        .compile(),
    );
    expect(failure).toHaveProperty("details.findings", [
      {
        message:
          "node 'a': 'bad_inptu' is not a reason code of handler 'loader' or of the engine (did you mean 'bad_input'?)",
      },
    ]);
  });

  test("two definitions of one name are reported", () => {
    const twin = defineHandler("loader", { output: z.int(), processBatch: () => 1 });
    const failure = failureOf(() =>
      flow()
        .node("a", load, { args: { n: 1 } })
        .node("b", twin)
        .compile(),
    );
    expect(failure).toHaveProperty(
      "message",
      expect.stringContaining("another definition in this flow is already named 'loader'"),
    );
  });
});

const sink = defineHandler("sink", { input: z.json(), output: z.int(), processBatch: () => 1 });

const pullFrom = (id: string) => ({ input_adapter: "pull.from_artifacts", input_args: { from_nodes: [id] } });

/** The builder as code without types sees it. */
interface Untyped extends Pick<FlowDefinition, "compile"> {
  node(id: string, handler: unknown, options?: object): Untyped;
}
