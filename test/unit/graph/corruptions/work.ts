import { type Corruption, fnArgs, inline, inNode, inputArgs } from "./corruption.ts";

/** What a node does: its input, function, arguments, retries, type. */
export const inWork: readonly Corruption[] = [
  {
    name: "an unknown adapter",
    code: "GRAPH_UNKNOWN_ADAPTER",
    hint: "pull.rechunk",
    apply: inNode("mid", (node) => {
      inline(node).input_adapter = "pull.rechnk";
      return "/io/input_inline/input_adapter";
    }),
  },
  ...[0, -1, 1.5, true, "10", null, [10]].map(
    (size): Corruption => ({
      name: `size ${JSON.stringify(size)}`,
      code: "GRAPH_ADAPTER_ARGS",
      apply: inNode("mid", (node) => {
        inputArgs(node).size = size;
        return "/io/input_inline/input_args/size";
      }),
    }),
  ),
  {
    name: "a missing adapter argument",
    code: "GRAPH_ADAPTER_ARGS",
    apply: inNode("mid", (node) => {
      delete inputArgs(node).size;
      return "/io/input_inline/input_args/size";
    }),
  },
  {
    name: "a misspelt adapter argument",
    code: "GRAPH_ADAPTER_ARGS",
    hint: "meta_list_key",
    apply: inNode("mid", (node) => {
      inputArgs(node).meta_list_keys = "rows";
      return "/io/input_inline/input_args/meta_list_keys";
    }),
  },
  {
    name: "from_node beside from_nodes",
    code: "GRAPH_ADAPTER_ARGS",
    apply: inNode("mid", (node) => {
      inputArgs(node).from_node = "src";
      return "/io/input_inline/input_args/from_node";
    }),
  },
  {
    name: "adapter arguments without an adapter",
    code: "GRAPH_ADAPTER_ARGS",
    apply: inNode("mid", (node) => {
      delete inline(node).input_adapter;
      return "/io/input_inline/input_args";
    }),
  },
  {
    name: "reading from no node",
    code: "GRAPH_FROM_NODES",
    hint: "src",
    apply: inNode("mid", (node) => {
      inputArgs(node).from_nodes = ["srcc"];
      return "/io/input_inline/input_args/from_nodes/0";
    }),
  },
  {
    name: "reading from no node under the short name",
    code: "GRAPH_FROM_NODES",
    apply: inNode("mid", (node) => {
      inline(node).input_args = { size: 1, from_node: "nowhere" };
      return "/io/input_inline/input_args/from_node";
    }),
  },
  {
    name: "reading from what is downstream",
    code: "GRAPH_FROM_NODES",
    apply: inNode("mid", (node) => {
      inputArgs(node).from_nodes = ["src", "fin"];
      return "/io/input_inline/input_args/from_nodes/1";
    }),
  },
  {
    name: "an alias for what is not upstream",
    code: "GRAPH_FROM_NODES",
    apply: inNode("mid", (node) => {
      inline(node).input_adapter = "pull.gather";
      inline(node).input_args = { from: { left: "src", right: "mid" } };
      return "/io/input_inline/input_args/from/right";
    }),
  },
  ...[[], "src", [1], ["src", "src"]].map(
    (list): Corruption => ({
      name: `from_nodes ${JSON.stringify(list)}`,
      code: "GRAPH_FROM_NODES",
      apply: inNode("mid", (node) => {
        inputArgs(node).from_nodes = list;
        const at = list.length === 2 ? "/1" : list[0] === 1 ? "/0" : "";
        return `/io/input_inline/input_args/from_nodes${at}`;
      }),
    }),
  ),
  {
    name: "a root with an adapter",
    code: "GRAPH_FROM_NODES",
    apply: inNode("src", (node) => {
      node.io = { input_inline: { input_adapter: "pull.from_artifacts" } };
      return "/io/input_inline/input_adapter";
    }),
  },
  {
    name: "a merge of no node",
    code: "GRAPH_FROM_NODES",
    apply: inNode("fin", (node) => {
      fnArgs(node).from_nodes = ["mid", "nowhere"];
      return "/io/fn_args/from_nodes/1";
    }),
  },
  {
    name: "metrics of a node that is not upstream",
    code: "GRAPH_FROM_NODES",
    apply: inNode("fin", (node) => {
      node.io = { fn: "metrics.aggregate", fn_args: { node_id: "fin" } };
      return "/io/fn_args/node_id";
    }),
  },
  {
    name: "an unknown function",
    code: "GRAPH_FN",
    hint: "merge.generic",
    apply: inNode("fin", (node) => {
      node.io = { ...node.io, fn: "merge.generics" };
      return "/io/fn";
    }),
  },
  {
    name: "a coordinator_fn without a function",
    code: "GRAPH_FN",
    apply: inNode("fin", (node) => {
      node.io = {};
      return "/type";
    }),
  },
  {
    name: "a function on a worker node",
    code: "GRAPH_FN",
    apply: inNode("src", (node) => {
      node.io = { fn: "noop" };
      return "/io/fn";
    }),
  },
  {
    name: "an adapter on a coordinator_fn",
    code: "GRAPH_FN",
    apply: inNode("fin", (node) => {
      node.io = { ...node.io, input_inline: { input_adapter: "pull.from_artifacts" } };
      return "/io/input_inline/input_adapter";
    }),
  },
  {
    name: "partitions of a coordinator_fn",
    code: "GRAPH_FN",
    apply: inNode("fin", (node) => {
      node.partitions = 2;
      return "/partitions";
    }),
  },
  {
    name: "a missing function argument",
    code: "GRAPH_FN_ARGS",
    apply: inNode("fin", (node) => {
      fnArgs(node).target = {};
      return "/io/fn_args/target/key";
    }),
  },
  {
    name: "no function arguments at all",
    code: "GRAPH_FN_ARGS",
    apply: inNode("fin", (node) => {
      node.io = { fn: "vars.incr" };
      return "/io/fn_args/key";
    }),
  },
  {
    name: "an unknown function argument",
    code: "GRAPH_FN_ARGS",
    hint: "node_id",
    apply: inNode("fin", (node) => {
      fnArgs(node).target = { key: "merged", nodeid: "fin" };
      return "/io/fn_args/target/nodeid";
    }),
  },
  {
    name: "a result under __proto__",
    code: "GRAPH_FN_ARGS",
    apply: inNode("fin", (node) => {
      fnArgs(node).target = { key: "__proto__" };
      return "/io/fn_args/target/key";
    }),
  },
  ...Object.entries({
    max: [-1, 1.5, true, "3"],
    backoff_sec: [-1, "5"],
    permanent_on: ["bad_input"],
    backoff_factor: [0.5],
    backoff_max_sec: [-1],
    jitter: [1.1, -0.1],
  }).flatMap(([key, values]) =>
    values.map(
      (value): Corruption => ({
        name: `retry_policy.${key} ${JSON.stringify(value)}`,
        code: "GRAPH_RETRY_POLICY",
        apply: inNode("src", (node) => {
          node.retry_policy = { [key]: value };
          return `/retry_policy/${key}`;
        }),
      }),
    ),
  ),
  ...[
    ["no rate", { per_sec: 0 }, "/per_sec"],
    ["a negative rate", { per_sec: -1 }, "/per_sec"],
    ["a rate of text", { per_sec: "5" }, "/per_sec"],
    ["half a burst", { per_sec: 1, burst: 1.5 }, "/burst"],
    ["a burst without a rate", { burst: 2 }, "/burst"],
    ["nothing for a key", { key: { $ref: "params.date" } }, "/key"],
    ["a list as key", { max_running: 1, key: [] }, "/key"],
    ["no slots", { max_running: 0 }, "/max_running"],
    ["a rate in a graph without a name", { per_sec: 1 }, "/per_sec"],
    ["a key in a graph without a name", { max_running: 1, key: { $ref: "params.date" } }, "/key"],
  ].map(
    ([name, limits, at]): Corruption => ({
      name: `limits with ${name}`,
      code: "GRAPH_LIMITS",
      apply: inNode("src", (node) => {
        node.limits = limits;
        return `/limits${at}`;
      }),
    }),
  ),
  ...[
    ["ordered", { ordered: 1 }, "/ordered"],
    ["on_failure", { on_failure: "setAside" }, "/on_failure", "set_aside"],
    ["tolerate_batches", { on_failure: "set_aside", tolerate_batches: -1 }, "/tolerate_batches"],
    ["tolerate_batches", { on_failure: "set_aside", tolerate_batches: 1.5 }, "/tolerate_batches"],
    ["tolerate_share", { on_failure: "set_aside", tolerate_share: 1.1 }, "/tolerate_share"],
    ["tolerate_share", { on_failure: "set_aside", tolerate_share: "5 %" }, "/tolerate_share"],
    ["tolerance where nothing is set aside", { tolerate_batches: 3 }, "/tolerate_batches"],
    ["share where nothing is set aside", { on_failure: "fail", tolerate_share: 0.5 }, "/tolerate_share"],
    ["timeout_sec", { timeout_sec: 0 }, "/timeout_sec"],
    ["misspelt key", { on_failur: "set_aside" }, "/on_failur", "on_failure"],
    ["list", [], ""],
  ].map(
    ([name, batches, at, hint]): Corruption => ({
      name: `batches with a wrong ${name} ${JSON.stringify(batches)}`,
      code: "GRAPH_SHAPE",
      ...(hint === undefined ? {} : { hint: String(hint) }),
      apply: inNode("src", (node) => {
        node.batches = batches;
        return `/batches${at}`;
      }),
    }),
  ),
  {
    name: "batches of a coordinator function",
    code: "GRAPH_FN",
    apply: inNode("fin", (node) => {
      node.batches = { on_failure: "set_aside" };
      return "/batches/on_failure";
    }),
  },
  ...[
    ["a parameter that params_schema does not have", { $ref: "params.dat" }],
    ["a reference to no parameter", { $ref: "date" }],
    ["a reference that is not a string", { $ref: 1 }],
    ["a reference with other keys", { $ref: "params.date", other: 1 }],
    ["a reference into a string", { $ref: "params.date.year" }],
  ].map(
    ([name, ref]): Corruption => ({
      name: String(name),
      code: "GRAPH_PARAM_REF",
      apply: inNode("mid", (node) => {
        inline(node).days = [1, { day: ref }];
        return "/io/input_inline/days/1/day";
      }),
    }),
  ),
  ...[
    ["a pattern with a lookahead", { type: "string", pattern: "^(?=a)" }, "/pattern"],
    ["a schema of itself", { $ref: "#/$defs/date" }, ""],
  ].map(
    ([name, date, at]): Corruption => ({
      name: String(name),
      code: "GRAPH_PARAMS_SCHEMA",
      apply: (graph) => {
        graph.params_schema = { type: "object", $defs: { date }, properties: { date: { type: "string" } } };
        return `/params_schema/$defs/date${at}`;
      },
    }),
  ),
  {
    name: "a reference for all arguments",
    code: "GRAPH_PARAM_REF",
    apply: inNode("mid", (node) => {
      inline(node).$ref = "params.date";
      return "/io/input_inline";
    }),
  },
  ...["routing", "edges_ex", "artifacts"].map(
    (key): Corruption => ({
      name: `the key ${key}`,
      code: "GRAPH_UNSUPPORTED",
      apply: inNode("mid", (node) => {
        node[key] = {};
        return `/${key}`;
      }),
    }),
  ),
  ...Object.entries({ status: "finished", attempt_epoch: 1, stats: { n: 1 }, lease: { worker_id: "w" } }).map(
    ([key, value]): Corruption => ({
      name: `the state of a run in ${key}`,
      code: "GRAPH_UNSUPPORTED",
      apply: inNode("mid", (node) => {
        node[key] = value;
        return `/${key}`;
      }),
    }),
  ),
  {
    name: "data that does not fit",
    code: "GRAPH_EDGE_DATA",
    apply: inNode("mid", (_, graph) => {
      graph.schemas = {
        source: { output: { type: "object", properties: { n: { type: "number" } } } },
        rechunker: { input: { type: "array", items: { type: "object", required: ["m"] } } },
      };
      return "/io/input_inline/input_adapter";
    }),
  },
  {
    name: "a type that no handler has",
    code: "GRAPH_UNKNOWN_TYPE",
    hint: "rechunker",
    apply: inNode("mid", (node) => {
      node.type = "rechunkr";
      return "/type";
    }),
  },
];
