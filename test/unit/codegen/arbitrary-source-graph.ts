import fc from "fast-check";
import { type RawGraph, type RawNode, validGraph } from "../graph/arbitrary-graph.ts";

/** Text that looks like code. */
const hostileText = fc.oneof(
  fc.string(),
  fc.constantFrom(
    "*/",
    `\`$${"{process.exit(1)}"}\``,
    '"); process.exit(1); ("',
    "'",
    "\\",
    "\n",
    "\u2028\u2029",
    "\u202e txt.exe",
    "</script>",
    "\ud800",
    "//",
  ),
);

const hostileKey = fc
  .oneof(hostileText, fc.constantFrom("$$ref", "$$$ref", "default", "0", "a-b", "toString", "param"))
  .filter((key) => !["__proto__", "constructor", "prototype", "$ref", "input_adapter", "input_args", ""].includes(key));

const hostileValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    hostileText,
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.boolean(),
    fc.constant(null),
    fc.constant({ $ref: "params.date" }),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(hostileKey, tie("value"), { maxKeys: 3 }),
  ),
})).value;

const types = fc.constantFrom(
  "worker",
  "delete",
  "Flow",
  "z",
  "Load-Rows",
  "load_rows",
  "load.rows",
  "a",
  "PermanentError",
);

const paramsSchemas = fc.constantFrom<object[]>(
  { type: "string" },
  { type: "string", minLength: 1, pattern: "^\\d+$" },
  { type: "string", format: "date" },
  { type: "integer", default: 3 },
  { type: ["string", "null"], description: "a day */ or none" },
  { anyOf: [{ type: "string" }, { type: "object", properties: { a: { const: 1 } }, additionalProperties: false }] },
  { type: "array", items: { enum: ["a", "b"] }, minItems: 1 },
  { type: "string", contentEncoding: "base64" },
);

/** Changes of one node that keep a valid graph valid. */
const extras = fc.record({
  type: types,
  args: fc.option(fc.dictionary(hostileKey, hostileValue, { maxKeys: 3 }), { nil: undefined }),
  adapter: fc.constantFrom(undefined, undefined, undefined, "pull.column", "my adapter */"),
  adapterArgs: fc.dictionary(
    fc.constantFrom("column", "at", "*/", "from", "poll_ms_2"),
    fc.oneof(hostileText, fc.nat()),
    {
      maxKeys: 2,
    },
  ),
  listKey: fc.option(fc.constantFrom("rows", "a b"), { nil: undefined }),
  fn: fc.constantFrom(undefined, undefined, "note", "noop", "a\nb"),
  limits: fc.constantFrom(undefined, undefined, undefined, undefined, { cpu: 1 }, { max_running: 2 }),
  pending: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
});

interface Choices {
  readonly graph: RawGraph;
  readonly extras: readonly Extras[];
  readonly name: string | undefined;
  readonly date: object;
  readonly required: boolean;
  readonly hasParams: boolean;
}

const choices: fc.Arbitrary<Choices> = fc.record({
  graph: validGraph,
  extras: fc.array(extras, { minLength: 13, maxLength: 13 }),
  name: fc.option(hostileText, { nil: undefined }),
  date: paramsSchemas,
  required: fc.boolean(),
  hasParams: fc.boolean(),
});

/**
 * Valid graphs with everything that source generation handles: names and values that look like code, custom functions
 * and adapters, and fields that the builder cannot express.
 */
export const sourceGraphs: fc.Arbitrary<RawGraph> = choices.map(withExtras);

/** The same without fields that the builder cannot express, with few exceptions. */
export const builderGraphs: fc.Arbitrary<RawGraph> = choices.map((choice) => {
  const json = withExtras({
    ...choice,
    date: { type: "string", minLength: 1 },
    hasParams: true,
    extras: choice.extras.map((extra) => ({ ...extra, limits: undefined, listKey: undefined })),
  });
  return { ...json, nodes: json.nodes.map(readingParents) };
});

function withExtras({ graph, extras, name, date, required, hasParams }: Choices): RawGraph {
  const { params_schema: _, ...rest } = graph;
  return {
    ...rest,
    ...(name === undefined ? {} : { name }),
    nodes: graph.nodes.map((node, index) => changed(node, extras[index] as Extras)),
    ...(hasParams
      ? { params_schema: { type: "object", properties: { date }, ...(required ? { required: ["date"] } : {}) } }
      : {}),
  };
}

function readingParents(node: RawNode): RawNode {
  const inline = node.io?.input_inline as { input_args?: { [key: string]: unknown } } | undefined;
  if (inline?.input_args === undefined) return node;
  const { from, from_node: alone, from_nodes: list, ...args } = inline.input_args;
  const parents = node.depends_on ?? [];
  const known = Array.isArray(list) ? list.filter((id) => parents.includes(id)) : [];
  const sources = known.length === 0 ? {} : { from_nodes: known };
  return { ...node, io: { ...node.io, input_inline: { ...inline, input_args: { ...args, ...sources } } } };
}

type Extras = typeof extras extends fc.Arbitrary<infer T> ? T : never;

function changed(node: RawNode, extra: Extras): RawNode {
  const { depends_on: parents = [] } = node;
  const limits = extra.limits === undefined ? {} : { limits: extra.limits };
  if (node.type === "coordinator_fn") {
    const own =
      extra.fn === undefined || node.node_id === "fin"
        ? {}
        : { fn: extra.fn, fn_args: withoutRefKeys(extra.args ?? {}) };
    return { ...node, ...limits, io: { ...node.io, ...own } };
  }
  const inline = { ...(node.io?.input_inline as object | undefined), ...extra.args } as { [key: string]: unknown };
  if (parents.length > 0 && extra.adapter !== undefined) {
    inline.input_adapter = extra.adapter;
    inline.input_args = extra.adapterArgs;
  } else if (String(inline.input_adapter).includes("rechunk") && extra.listKey !== undefined) {
    inline.input_args = { ...(inline.input_args as object), meta_list_key: extra.listKey };
  }
  const pending = extra.pending === undefined ? {} : { max_pending_batches: extra.pending };
  return { ...node, ...limits, type: extra.type, io: { ...node.io, ...pending, input_inline: inline } };
}

/** The check of a function's arguments does not unescape keys. */
const withoutRefKeys = (args: object): object =>
  Object.fromEntries(Object.entries(args).filter(([key]) => !/^\$+ref$/.test(key)));
