import type { RawNode } from "../arbitrary-graph.ts";
import { type Corruption, edges, indexOf, inline, inNode } from "./corruption.ts";

/** Shape, ids, dependencies, start conditions. */
export const inStructure: readonly Corruption[] = [
  {
    name: "a misspelt key of a node",
    code: "GRAPH_SHAPE",
    hint: "depends_on",
    apply: inNode("mid", (node) => {
      node.depend_on = node.depends_on;
      delete node.depends_on;
      return "/depend_on";
    }),
  },
  {
    name: "a key in another style",
    code: "GRAPH_SHAPE",
    hint: "start_when",
    apply: inNode("mid", (node) => {
      const { start_when: value, ...rest } = node.io ?? {};
      node.io = { ...rest, startWhen: value };
      return "/io/startWhen";
    }),
  },
  {
    name: "an unknown key of the graph",
    code: "GRAPH_SHAPE",
    apply: (graph) => {
      graph.whatever = 1;
      return "/whatever";
    },
  },
  {
    name: "no type",
    code: "GRAPH_SHAPE",
    apply: inNode("mid", (node) => {
      delete (node as Partial<RawNode>).type;
      return "/type";
    }),
  },
  {
    name: "a misspelt id, though others depend on it",
    code: "GRAPH_SHAPE",
    hint: "node_id",
    apply: inNode("src", (node) => {
      delete (node as Partial<RawNode>).node_id;
      node.nodeId = "src";
      return "/nodeId";
    }),
  },
  {
    name: "an id with a colon, though others depend on it",
    code: "GRAPH_SHAPE",
    apply: (graph) => {
      const renamed = JSON.stringify(graph).replaceAll('"src"', '"s:rc"');
      Object.assign(graph, JSON.parse(renamed));
      return `/nodes/${indexOf(graph, "s:rc")}/node_id`;
    },
  },
  {
    name: "depends_on is not a list",
    code: "GRAPH_SHAPE",
    apply: inNode("mid", (node) => {
      node.depends_on = "src" as never;
      return "/depends_on";
    }),
  },
  {
    name: "another version",
    code: "GRAPH_SHAPE",
    apply: (graph) => {
      graph.schema_version = "2.0";
      return "/schema_version";
    },
  },
  {
    name: "a function where JSON is expected",
    code: "GRAPH_SHAPE",
    apply: inNode("mid", (node) => {
      inline(node).run = () => 1;
      return "/io/input_inline/run";
    }),
  },
  {
    name: "a date where JSON is expected",
    code: "GRAPH_SHAPE",
    apply: inNode("fin", (node) => {
      node.timeout_sec = new Date(0);
      return "/timeout_sec";
    }),
  },
  ...["__proto__", "constructor", "prototype"].map(
    (key): Corruption => ({
      name: `the key ${key}`,
      code: "GRAPH_SHAPE",
      apply: inNode("mid", (node) => {
        Object.defineProperty(inline(node), key, { value: { polluted: true }, enumerable: true });
        return `/io/input_inline/${key}`;
      }),
    }),
  ),
  {
    name: "no nodes",
    code: "GRAPH_EMPTY",
    apply: (graph) => {
      graph.nodes = [];
      return "/nodes";
    },
  },
  {
    name: "a value nested too deep",
    code: "GRAPH_TOO_LARGE",
    apply: inNode("mid", (node) => {
      let value: unknown = 1;
      for (let depth = 0; depth < 100; depth++) value = [value];
      inline(node).deep = value;
      return "/io/input_inline/deep/0/0/0";
    }),
  },
  {
    name: "the same id twice",
    code: "GRAPH_DUPLICATE_NODE",
    apply: (graph) => `/nodes/${graph.nodes.push({ node_id: "src", type: "worker" }) - 1}/node_id`,
  },
  {
    name: "a dependency on no node",
    code: "GRAPH_UNKNOWN_DEPENDENCY",
    hint: "mid",
    apply: inNode("fin", (node) => {
      node.depends_on = ["src", "midd"];
      return "/depends_on/1";
    }),
  },
  {
    name: "an edge from no node",
    code: "GRAPH_UNKNOWN_DEPENDENCY",
    apply: (graph) => {
      graph.edges = [["nowhere", "mid"], ...(graph.edges ?? edges(graph))];
      return "/edges/0/0";
    },
  },
  {
    name: "an edge to no node",
    code: "GRAPH_UNKNOWN_DEPENDENCY",
    apply: (graph) => {
      graph.edges = [["src", "nowhere"], ...(graph.edges ?? edges(graph))];
      return "/edges/0/1";
    },
  },
  {
    name: "a dependency twice",
    code: "GRAPH_DUPLICATE_DEPENDENCY",
    apply: inNode("mid", (node) => {
      node.depends_on = ["src", "src"];
      return "/depends_on/1";
    }),
  },
  {
    name: "an edge twice",
    code: "GRAPH_DUPLICATE_DEPENDENCY",
    apply: (graph) => {
      const drawn = graph.edges ?? edges(graph);
      graph.edges = [...drawn, drawn[0] ?? []];
      return `/edges/${drawn.length}`;
    },
  },
  {
    name: "a dependency on itself",
    code: "GRAPH_SELF_DEPENDENCY",
    apply: inNode("mid", (node) => {
      node.depends_on = ["src", "mid"];
      return "/depends_on/1";
    }),
  },
  {
    name: "a ring",
    code: "GRAPH_CYCLE",
    apply: (graph) => {
      delete graph.edges;
      const ring = ["src", "mid", "fin"].map((id) => indexOf(graph, id));
      (graph.nodes[ring[0] ?? 0] as RawNode).depends_on = ["fin"];
      // Reported at the first node of the cycle, where the shortest cycle closes: always its first dependency.
      return `/nodes/${Math.min(...ring)}/depends_on/0`;
    },
  },
  {
    name: "an edge that depends_on does not have",
    code: "GRAPH_EDGES_DISAGREE",
    apply: (graph) => {
      graph.nodes.push({ node_id: "apart", type: "worker", depends_on: ["src"] });
      graph.edges = edges(graph).map(([from, to]) => (to === "apart" ? ["mid", "apart"] : [from ?? "", to ?? ""]));
      return "/edges";
    },
  },
  {
    name: "no edges where depends_on has some",
    code: "GRAPH_EDGES_DISAGREE",
    apply: (graph) => {
      graph.edges = [];
      return "/edges";
    },
  },
  ...["some", "count:0", "count:-1", "count:1.5", "count:02", "count:3", "count:"].map(
    (fanIn): Corruption => ({
      name: `fan_in ${fanIn} for two parents`,
      code: "GRAPH_FAN_IN",
      apply: inNode("fin", (node) => {
        node.fan_in = fanIn;
        return "/fan_in";
      }),
    }),
  ),
  ...["any", "count:1"].map(
    (fanIn): Corruption => ({
      name: `fan_in ${fanIn} on a root`,
      code: "GRAPH_FAN_IN",
      apply: inNode("src", (node) => {
        node.fan_in = fanIn;
        return "/fan_in";
      }),
    }),
  ),
  {
    name: "first_batch on a root",
    code: "GRAPH_START_WHEN",
    apply: inNode("src", (node) => {
      node.io = { start_when: "first_batch" };
      return "/io/start_when";
    }),
  },
  {
    name: "an unknown start condition",
    code: "GRAPH_START_WHEN",
    hint: "ready",
    apply: inNode("mid", (node) => {
      node.io = { ...node.io, start_when: "redy" };
      return "/io/start_when";
    }),
  },
  {
    name: "a key of a condition that is not known",
    code: "GRAPH_SHAPE",
    hint: "params",
    apply: inNode("mid", (node) => {
      node.when = { parms: { day: 1 } };
      return "/when/parms";
    }),
  },
  {
    name: "a condition on a node that is not a parent",
    code: "GRAPH_WHEN",
    apply: inNode("mid", (node) => {
      if (node.io) delete node.io.start_when;
      node.when = [{ params: { date: { $exists: true } } }, { status: { nowhere: "failed" } }];
      return "/when/1/status/nowhere";
    }),
  },
  {
    name: "a flow on a node of another type",
    code: "GRAPH_FLOW",
    apply: inNode("mid", (node) => {
      node.io = { ...node.io, flow: "order" };
      return "/io/flow";
    }),
  },
];
