import { readingOf } from "../../builtins/input-adapters/deliveries.ts";
import { builtInAdapter } from "../../builtins/input-adapters/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import { patternWords, whenWords } from "../../graph/format/pattern.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import { coordinatorFnType, flowType, type Graph, type GraphNode, retryDefaults, runs } from "../../graph/index.ts";
import { awaitsSignal, edgeLabel } from "../../graph/mermaid.ts";
import type { GraphEdgeView, GraphNodeView, GraphView, Setting } from "../api.ts";

/** A longer source is not sent. */
const longestSource = 1_048_576;

/** A graph, to be drawn. */
export function viewGraph(graph: Graph): GraphView {
  const source = graph as unknown as JsonObject; // a graph is JSON
  return {
    ...(graph.name === undefined ? {} : { name: graph.name }),
    nodes: graph.nodes.map(viewNode),
    edges: graph.nodes.flatMap(edgesOf),
    ...(JSON.stringify(source).length > longestSource ? {} : { source }),
  };
}

function viewNode(node: GraphNode): GraphNodeView {
  return {
    id: node.node_id,
    type: runs(node),
    kind: kindOf(node),
    partitions: node.partitions ?? 1,
    optional: node.optional === true,
    settings: settingsOf(node),
  };
}

export function kindOf(node: GraphNode): GraphNodeView["kind"] {
  if (awaitsSignal(node)) return "wait";
  if (node.type === coordinatorFnType) return "function";
  if (node.type === flowType) return "flow";
  return node.depends_on.length === 0 ? "source" : "handler";
}

/** The nodes whose artifacts a node reads; `undefined` if the graph does not say. */
function sourcesOf(node: GraphNode): readonly string[] | undefined {
  const { node_id: nodeId, io, fan_in: fanIn, depends_on: parents } = node;
  return readingOf({ nodeId, inline: io?.input_inline, fanIn, parents })?.sources.map((source) => source.nodeId);
}

function edgesOf(node: GraphNode): readonly GraphEdgeView[] {
  const { node_id: to, io = {}, depends_on: parents } = node;
  const read = sourcesOf(node) ?? (node.type === coordinatorFnType ? namedIn(io.fn_args) : parents);
  return parents.map((from) => {
    const label = edgeLabel(node, from);
    const reads = read.includes(from);
    const kind = !reads ? "order" : io.start_when === "first_batch" ? "stream" : "data";
    return { from, to, kind, ...(label === undefined ? {} : { label }) };
  });
}

/** The strings in the arguments of a function, among them the nodes that it reads. */
function namedIn(value: Json | undefined): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values<Json>(value).flatMap(namedIn) : [];
}

/** Whether a node reads artifacts one by one, so that its place in their log is known. */
export function readsEach(node: GraphNode): boolean {
  if (node.type === coordinatorFnType) return false;
  const { node_id: nodeId, io, fan_in: fanIn, depends_on: parents } = node;
  const adapter = readingOf({ nodeId, inline: io?.input_inline, fanIn, parents })?.adapter ?? "";
  return adapter !== "pull.gather" && adapter !== "pull.outcomes" && adapter !== "pull.failures";
}

/** What is set for a node, in words. */
function settingsOf(node: GraphNode): readonly Setting[] {
  const { when, optional, delay_sec: delay = 0, partitions = 1, timeout_sec: timeout, batches = {}, io = {} } = node;
  const { on_failure: onFailure, tolerate_batches: tolerated, tolerate_share: share } = batches;
  const isWorker = node.type !== coordinatorFnType;
  const pending = io.max_pending_batches;
  return [
    ...startOf(node),
    ...(when === undefined ? [] : [{ name: "runs", text: whenWords(when) }]),
    ...inputOf(node),
    ...(delay === 0 ? [] : [{ name: "delay", text: `${typeof delay === "object" ? delay.$ref : seconds(delay)}` }]),
    ...(isWorker ? [{ name: "retries", text: retriesOf(node) }] : []),
    ...(timeout === undefined
      ? []
      : [{ name: awaitsSignal(node) ? "time to wait" : "time limit of an attempt", text: seconds(timeout) }]),
    ...(batches.timeout_sec === undefined
      ? []
      : [{ name: "time limit of a batch", text: seconds(batches.timeout_sec) }]),
    ...(onFailure === "set_aside" ? [{ name: "failed batches", text: asideWords(tolerated, share) }] : []),
    ...(batches.ordered ? [{ name: "order", text: "batches are stored in the order of the input" }] : []),
    ...(partitions === 1 ? [] : [{ name: "partitions", text: `${partitions}, which run in parallel` }]),
    ...(pending === undefined ? [] : [{ name: "backpressure", text: `at most ${pending} batches ahead of a reader` }]),
    ...limitsOf(node),
    ...(optional ? [{ name: "optional", text: "its failure does not fail the task" }] : []),
    ...(node.type === flowType ? [{ name: "flow", text: `${io.flow}, with each batch as its '${io.item}'` }] : []),
  ];
}

function startOf({ depends_on: parents, fan_in: fanIn = "all", io }: GraphNode): readonly Setting[] {
  if (parents.length === 0) return [];
  const which =
    parents.length === 1
      ? "its parent"
      : fanIn === "all"
        ? "all parents"
        : fanIn === "any"
          ? "any parent"
          : `${fanIn.slice("count:".length)} of its parents`;
  const manyHave = parents.length > 1 && fanIn !== "any";
  const texts = {
    ready: manyHave ? `once ${which} have finished` : `once ${which} has finished`,
    first_batch: manyHave ? `once ${which} have stored a batch` : `once ${which} has stored a batch`,
    ended: manyHave ? `once ${which} have ended, in whatever way` : `once ${which} has ended, in whatever way`,
  };
  return [{ name: "starts", text: texts[io?.start_when ?? "ready"] }];
}

function inputOf(node: GraphNode): readonly Setting[] {
  const { node_id: nodeId, io, fan_in: fanIn, depends_on: parents } = node;
  const reading = readingOf({ nodeId, inline: io?.input_inline, fanIn, parents });
  if (reading === undefined) return [];
  const from = reading.sources.map((source) => source.nodeId).join(", ");
  const { size } = io?.input_inline?.input_args ?? {};
  const key = typeof reading.listKey === "string" ? reading.listKey : "list";
  const words: Readonly<Record<string, string>> = {
    "pull.from_artifacts": `each artifact of ${from}`,
    "pull.from_artifacts.each": `each element of '${key}' in the artifacts of ${from}`,
    "pull.from_artifacts.rechunk:size": `the lists in the artifacts of ${from}, in chunks of ${JSON.stringify(size ?? 1)}`,
    "pull.gather": `all artifacts of ${from} at once`,
    "pull.failures": `the failed batches of ${from}`,
    "pull.outcomes": `how ${from} ended`,
  };
  const known = builtInAdapter(reading.adapter) === undefined ? undefined : words[reading.adapter];
  const { where } = reading;
  return [
    { name: "reads", text: known ?? `${from}, by '${reading.adapter}'` },
    ...(where === undefined ? [] : [{ name: "only batches where", text: patternWords(where) }]),
  ];
}

function retriesOf({ retry_policy: policy }: GraphNode): string {
  const { max, backoff_sec: first, backoff_factor: factor, backoff_max_sec: most } = { ...retryDefaults, ...policy };
  const codes = policy?.permanent_on ?? retryDefaults.permanent_on;
  const never = codes.length === 0 ? "" : `, never for ${codes.join(", ")}`;
  if (max === 0) return "none";
  const times = max === 1 ? "once" : `${max} times`;
  if (first === 0) return `${times}, at once${never}`;
  if (factor === 1 || max === 1) return `${times}, after ${seconds(first)}${never}`;
  return `${times}, after ${seconds(first)}, then ${factor} times as long each, at most ${seconds(most)}${never}`;
}

function asideWords(tolerated: number | undefined, share: number | undefined): string {
  const limits = [
    ...(tolerated === undefined ? [] : [`${tolerated} of each partition`]),
    ...(share === undefined || share === 1 ? [] : [`${Math.round(share * 1_000) / 10} %`]),
  ];
  return limits.length === 0 ? "are set aside" : `are set aside, at most ${limits.join(" and ")}`;
}

function limitsOf({ limits = {} }: GraphNode): readonly Setting[] {
  const { max_running: max, per_sec: perSec, burst, key } = limits;
  const each = key === undefined ? "" : ` for each ${isObject(key) ? key.$ref : key}`;
  const atOnce = burst === undefined ? "" : `, ${burst} at once after a pause`;
  return [
    ...(max === undefined ? [] : [{ name: "concurrency", text: `at most ${max} attempts${each}` }]),
    ...(perSec === undefined ? [] : [{ name: "rate", text: `at most ${perSec} batches a second${atOnce}${each}` }]),
  ];
}

const seconds = (sec: number): string => {
  const [unit, size] =
    sec >= 86_400 ? ["d", 86_400] : sec >= 7_200 ? ["h", 3_600] : sec >= 120 ? ["min", 60] : ["s", 1];
  return `${Math.round((sec / Number(size)) * 100) / 100} ${unit}`;
};
