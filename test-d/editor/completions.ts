import { coreReasonCodes } from "../../src/errors/index.ts";

/** A position in code where completions are requested, marked by "|". */
export interface Place {
  readonly what: string;
  readonly code: string;
  /** The complete list of completions. An optional key ends in "?". */
  readonly offers: readonly string[];
}

export const coreCodes = [...coreReasonCodes].toSorted();
const nodeOptions = [
  "after?",
  "args?",
  "batchTimeoutSec?",
  "delaySec?",
  "fanIn?",
  "input?",
  "limits?",
  "maxPendingBatches?",
  "onBatchFailure?",
  "optional?",
  "ordered?",
  "partitions?",
  "retry?",
  "startWhen?",
  "timeoutSec?",
  "tolerate?",
  "when?",
  "where?",
];
const attemptContext = [
  "args",
  "checkpoint",
  "epoch",
  "heartbeat",
  "loaded",
  "logger",
  "nodeId",
  "onCleanup",
  "params",
  "progress",
  "remainingMs",
  "services",
  "shard",
  "signal",
  "taskId",
  "traceparent",
  "vars",
];
export const builtInAdapters = [
  "pull.failures",
  "pull.outcomes",
  "pull.from_artifacts",
  "pull.from_artifacts.each",
  "pull.from_artifacts.rechunk:size",
  "pull.gather",
];
const flowMembers =
  "$infer compile coordinatorFns exhaustive fn handlers inputAdapters next node paramsSchema then use wait".split(" ");

export const nodes: readonly Place[] = [
  {
    what: "members of a flow, without internal ones",
    code: `etl.|`,
    offers: flowMembers,
  },
  {
    what: "members on the next line of a chain",
    code: `etl
  .node("w", count, { after: ["extract"] })
  .|`,
    offers: flowMembers,
  },
  {
    what: "options of a node",
    code: `etl.node("w", count, { | })`,
    offers: nodeOptions,
  },
  {
    what: "options that were not given yet",
    code: `etl.node("w", count, { after: ["extract"], startWhen: "first_batch", | })`,
    offers: nodeOptions.filter((option) => option !== "after?" && option !== "startWhen?"),
  },
  {
    what: "options of a function's node",
    code: `etl.fn("w", "noop", { | })`,
    offers: ["after?", "args?", "delaySec?", "fanIn?", "optional?", "retry?", "startWhen?", "timeoutSec?", "when?"],
  },
  {
    what: "parents: nodes declared before, not after",
    code: `etl
  .node("w", count, { after: ["|"] })
  .node("later", count, { after: ["extract"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "a second parent",
    code: `etl.node("w", count, { after: ["extract", "|"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "fan-in: up to the number of parents",
    code: `etl.node("w", join, { after: ["extract", "count"], fanIn: "|" })`,
    offers: ["all", "any", "count:1", "count:2"],
  },
  {
    what: "fan-in, if parents are written later",
    code: `etl.node("w", join, { fanIn: "|", after: ["extract", "count"] })`,
    offers: ["all", "any", "count:1", "count:2"],
  },
  {
    what: "fan-in, after the node before",
    code: `etl.then("w", join, { fanIn: "|" })`,
    offers: ["all", "any", "count:1"],
  },
  {
    what: "fan-in of a root: only the default",
    code: `etl.node("w", extract, { args: { batchSize: 1 }, fanIn: "|" })`,
    offers: ["all"],
  },
  {
    what: "start condition of a node",
    code: `etl.node("w", count, { after: ["extract"], startWhen: "|" })`,
    offers: ["ended", "first_batch", "ready"],
  },
  {
    what: "options of retry",
    code: `etl.node("w", extract, { retry: { | } })`,
    offers: ["backoffFactor?", "backoffMaxSec?", "backoffSec?", "jitter?", "max?", "permanentOn?"],
  },
  {
    what: "options of limits",
    code: `etl.node("w", extract, { limits: { | } })`,
    offers: ["burst?", "key?", "maxRunning?", "perSec?"],
  },
  {
    what: "start condition of a root: only the default",
    code: `etl.node("w", extract, { startWhen: "|" })`,
    offers: ["ready"],
  },
  {
    what: "permanent codes: those of the handler and of the engine",
    code: `etl.node("w", clean, { after: ["extract"], retry: { permanentOn: ["|"] } })`,
    offers: [...coreCodes, "bad_row"],
  },
  {
    what: "a second permanent code",
    code: `etl.node("w", clean, { after: ["extract"], retry: { permanentOn: ["bad_row", "|"] } })`,
    offers: [...coreCodes, "bad_row"],
  },
  {
    what: "permanent codes of a built-in function: those of the engine",
    code: `etl.fn("w", "vars.set", { args: { kv: {} }, retry: { permanentOn: ["|"] } })`,
    offers: coreCodes,
  },
  {
    what: "permanent codes of a custom function",
    code: `etl.fn("w", notify, { args: { channel: "" }, retry: { permanentOn: ["timeout", "|"] } })`,
    offers: [...coreCodes, "rate_limited"],
  },
];

export const inputs: readonly Place[] = [
  {
    what: "adapters, including custom ones",
    code: `etl.node("w", count, { after: ["extract"], input: { adapter: "|" } })`,
    offers: [...builtInAdapters, "pull.latest"],
  },
  {
    what: "adapters after the node before",
    code: `flow().node("a", extract, { args: { batchSize: 1 } }).then("w", clean, { input: { adapter: "|" } })`,
    offers: builtInAdapters,
  },
  {
    what: "arguments of an adapter that chunks",
    code: `etl.node("w", clean, { after: ["extract"], input: { adapter: "pull.from_artifacts.rechunk:size", | } })`,
    offers: ["backoffMaxMs?", "eofOnTaskDone?", "from?", "metaListKey?", "pollMs?", "size"],
  },
  {
    what: "arguments of an adapter of elements",
    code: `etl.node("w", clean, { after: ["extract"], input: { adapter: "pull.from_artifacts.each", | } })`,
    offers: ["backoffMaxMs?", "eofOnTaskDone?", "from?", "metaListKey", "pollMs?"],
  },
  {
    what: "arguments of an adapter that gathers: without a list key",
    code: `etl.node("w", join, { after: ["count"], input: { adapter: "pull.gather", | } })`,
    offers: ["backoffMaxMs?", "eofOnTaskDone?", "from?", "pollMs?"],
  },
  {
    what: "arguments of a custom adapter",
    code: `etl.node("w", count, { after: ["extract"], input: { adapter: "pull.latest", | } })`,
    offers: ["from?", "windowSec"],
  },
  {
    what: "sources: only the node's parents",
    code: `etl.node("w", count, { after: ["extract"], input: { adapter: "pull.from_artifacts", from: ["|"] } })`,
    offers: ["extract"],
  },
  {
    what: "a second source",
    code: `etl.node("w", count, {
  after: ["extract", "count"],
  input: { adapter: "pull.from_artifacts", from: ["extract", "|"] },
})`,
    offers: ["count", "extract"],
  },
  {
    what: "the source under an alias",
    code: `etl.node("w", join, {
  after: ["extract", "count"],
  input: { adapter: "pull.gather", from: { first: "extract", second: "|" } },
})`,
    offers: ["count", "extract"],
  },
  {
    what: "aliases: the keys that the handler takes",
    code: `etl.node("w", join, { after: ["extract", "count"], input: { adapter: "pull.gather", from: { | } } })`,
    offers: ["clean", "count"],
  },
  {
    what: "aliases that were not given yet",
    code: `etl.node("w", join, { after: ["extract", "count"], input: { adapter: "pull.gather", from: { count: "count", | } } })`,
    offers: ["clean"],
  },
  {
    what: "list key: the lists of the sources",
    code: `etl.node("w", clean, {
  after: ["extract"],
  input: { adapter: "pull.from_artifacts.rechunk:size", size: 10, metaListKey: "|" },
})`,
    offers: ["rows"],
  },
  {
    what: "list key, of the node before",
    code: `flow()
  .node("a", extract, { args: { batchSize: 1 } })
  .then("w", clean, { input: { adapter: "pull.from_artifacts.rechunk:size", size: 10, metaListKey: "|" } })`,
    offers: ["rows"],
  },
  {
    what: "list key: lists that every source has",
    code: `etl.node("w", clean, {
  after: ["extract", "count"],
  input: { adapter: "pull.from_artifacts.rechunk:size", size: 10, metaListKey: "|" },
})`,
    offers: [],
  },
];

export const args: readonly Place[] = [
  {
    what: "arguments of a handler",
    code: `etl.node("w", extract, { args: { | } })`,
    offers: ["batchSize"],
  },
  {
    what: "the input of a root without iterBatches",
    code: `etl.node("w", seeded, { args: { | } })`,
    offers: ["seed"],
  },
  {
    what: "parameters: those of a matching type",
    code: `etl.node("w", extract, { args: { batchSize: param("|") } })`,
    offers: ["n"],
  },
  {
    what: "parameters for a string",
    code: `etl.node("w", byDay, { after: ["count"], args: { date: param("|") } })`,
    offers: ["date"],
  },
  {
    what: "parameters inside an object",
    code: `etl.node("w", byDay, { after: ["count"], args: { date: "", where: { city: param("|") } } })`,
    offers: ["date"],
  },
  {
    what: "parameters for a root's input",
    code: `etl.node("w", seeded, { args: { seed: param("|") } })`,
    offers: ["date"],
  },
  {
    what: "arguments inside an object: those of a matching type",
    code: `etl.node("w", byDay, { after: ["count"], args: { date: "", where: { | } } })`,
    offers: ["city"],
  },
];

export const handlers: readonly Place[] = [
  {
    what: "members of a handler",
    code: `defineHandler("sum", { | })`,
    offers: [
      "args?",
      "classifyError?",
      "concurrency?",
      "errors?",
      "external?",
      "finalize?",
      "input?",
      "inputAdapter?",
      "iterBatches?",
      "loadInput?",
      "output",
      "processBatch?",
      "result?",
      "resumable?",
      "setup?",
      "teardown?",
    ],
  },
  {
    what: "a payload, in a method",
    code: `defineHandler("sum", {
  input: z.object({ rows: z.array(z.object({ id: z.string(), price: z.number() })) }),
  output: z.number(),
  processBatch: (payload) => payload.rows.map((row) => row.|),
})`,
    offers: ["id", "price"],
  },
  {
    what: "the context of a batch",
    code: `defineHandler("sum", { input: z.int(), output: z.int(), processBatch(n, ctx) { ctx.| } })`,
    offers: [...attemptContext, "idempotencyKey", "metrics", "tries", "uid"],
  },
  {
    what: "the context of finalize",
    code: `defineHandler("sum", { input: z.int(), output: z.int(), processBatch: (n) => n, finalize(ctx) { ctx.| } })`,
    offers: [...attemptContext, "batchCount", "failedBatches", "metrics", "outputs"],
  },
  {
    what: "arguments of a source",
    code: `defineHandler("read", { args: z.object({ size: z.int() }), output: z.int(), *iterBatches(args) { args.| } })`,
    offers: ["size"],
  },
  {
    what: "adapters that it may suggest",
    code: `defineHandler("sum", { input: z.json(), output: z.int(), inputAdapter: { adapter: "|" }, processBatch: () => 1 })`,
    offers: builtInAdapters,
  },
  {
    what: "adapters that it may suggest, written first",
    code: `defineHandler("sum", { inputAdapter: { adapter: "|" } })`,
    offers: builtInAdapters,
  },
  {
    what: "an adapter and its arguments",
    code: `defineHandler("sum", { input: z.json(), output: z.int(), inputAdapter: { | }, processBatch: () => 1 })`,
    offers: ["adapter"],
  },
  {
    what: "arguments of the adapter",
    code: `defineHandler("sum", {
  input: z.json(),
  output: z.int(),
  inputAdapter: { adapter: "pull.from_artifacts.rechunk:size", | },
  processBatch: () => 1,
})`,
    offers: ["backoffMaxMs?", "eofOnTaskDone?", "metaListKey?", "pollMs?", "size"],
  },
  {
    what: "arguments of a custom adapter that it suggests",
    code: `defineHandler("sum", { input: z.json(), output: z.int(), inputAdapter: { adapter: latest, | }, processBatch: () => 1 })`,
    offers: ["windowSec"],
  },
  {
    what: "codes that classifyError may return",
    code: `defineHandler("sum", {
  input: z.int(),
  output: z.int(),
  errors: ["bad_row"],
  processBatch: (n) => n,
  classifyError: () => ({ code: "|", permanent: true }),
})`,
    offers: [...coreCodes, "bad_row"],
  },
];

export const runs: readonly Place[] = [
  {
    what: "options of a flow",
    code: `flow("x", { | })`,
    offers: ["adapters?", "inputs?", "params?"],
  },
  {
    what: "parameters of a run",
    code: `engine.run(etl, { params: { | } })`,
    offers: ["date", "n"],
  },
  {
    what: "options of a run",
    code: `engine.run(etl, { | })`,
    offers: ["deadlineSec?", "idempotencyKey?", "notBefore?", "params?", "priority?", "traceparent?"],
  },
  {
    what: "nodes whose artifacts can be read",
    code: `task.artifacts("|")`,
    offers: ["count", "extract"],
  },
  {
    what: "results of a run: its leaves",
    code: `(await task.result()).|`,
    offers: ["count"],
  },
];

/** Incomplete code, as while typing. */
export const halfWritten: readonly Place[] = [
  {
    what: "a call that is not closed",
    code: `etl.node("w", count, { after: ["|`,
    offers: ["count", "extract"],
  },
  {
    what: "a call that is not closed, with more code below",
    code: `etl.node("w", count, { after: ["extract"], startWhen: "|"
const next = 1;`,
    offers: ["ended", "first_batch", "ready"],
  },
  {
    what: "the next lines are missing",
    code: `etl.node("w", count, {
  after: ["extract", "|"
`,
    offers: ["count", "extract"],
  },
  {
    what: "an empty line in the options",
    code: `etl.node("w", count, {
  after: ["extract"],
  |
`,
    offers: nodeOptions.filter((option) => option !== "after?"),
  },
  {
    what: "a bracket that is missing in the middle of a chain",
    code: `etl.node("w", count, { after: ["|" }).node("v", count, { after: ["w"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "a dot at the end of a chain, with more code below",
    code: `etl.node("w", count, { after: ["extract"] }).|
const next = 1;`,
    offers: flowMembers,
  },
  {
    what: "half an id",
    code: `etl.node("w", count, { after: ["extr|"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "half an adapter",
    code: `etl.node("w", count, { after: ["extract"], input: { adapter: "pull.|`,
    offers: [...builtInAdapters, "pull.latest"],
  },
  {
    what: "half a function",
    code: `etl.fn("w", "vars.|`,
    offers: [
      "merge.generic",
      "metrics.aggregate",
      "noop",
      "vars.incr",
      "vars.merge",
      "vars.set",
      "vars.unset",
      "wait.signal",
    ],
  },
  {
    what: "a parameter",
    code: `etl.node("w", extract, { args: { batchSize: param("|`,
    offers: ["n"],
  },
  {
    what: "a parameter inside an object",
    code: `etl.node("w", byDay, { after: ["count"], args: { date: "", where: { city: param("|`,
    offers: ["date"],
  },
  {
    what: "a parameter of a function",
    code: `etl.fn("w", notify, { after: ["count"], args: { channel: param("|
const next = 1;`,
    offers: ["date"],
  },
  {
    what: "the context",
    code: `defineHandler("sum", { input: z.int(), output: z.int(), processBatch(n, ctx) { ctx.|`,
    offers: [...attemptContext, "idempotencyKey", "metrics", "tries", "uid"],
  },
];

/** Completions must not disappear because of other mistakes in the call. */
export const besideMistakes: readonly Place[] = [
  {
    what: "an edge that does not match",
    code: `etl.node("w", count, { after: ["count", "|"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "an edge to the node before that does not match",
    code: `etl.then("w", count, { startWhen: "|" })`,
    offers: ["ended", "first_batch", "ready"],
  },
  {
    what: "an unknown parent",
    code: `etl.node("w", count, { after: ["extrct", "|"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "a duplicate id",
    code: `etl.node("extract", count, { after: ["|"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "args that are missing",
    code: `etl.node("w", byDay, { after: ["|"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "args of another type",
    code: `etl.node("w", extract, { args: { batchSize: "many" }, startWhen: "|" })`,
    offers: ["ready"],
  },
  {
    what: "a source with parents",
    code: `etl.node("w", extract, { after: ["|"], args: { batchSize: 1 } })`,
    offers: ["count", "extract"],
  },
  {
    what: "an option that does not exist, and one of another type",
    code: `etl.node("w", count, { aftr: [], timeoutSec: "long", after: ["|"] })`,
    offers: ["count", "extract"],
  },
  {
    what: "an unknown adapter",
    code: `etl.node("w", count, { after: ["extract"], input: { adapter: "pull.nothing", from: ["|"] } })`,
    offers: ["extract"],
  },
  {
    what: "a fan-in that cannot be met",
    code: `etl.node("w", count, { after: ["extract"], fanIn: "count:3", input: { adapter: "|" } })`,
    offers: [...builtInAdapters, "pull.latest"],
  },
  {
    what: "a mistake in the node before",
    code: `etl.node("v", count, { after: ["nowhere"] }).node("w", count, { after: ["|"] })`,
    offers: ["count", "extract", "v"],
  },
];
