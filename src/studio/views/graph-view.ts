import { readingOf } from "../../builtins/input-adapters/deliveries.ts";
import { builtInAdapter } from "../../builtins/input-adapters/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import { patternWords, whenWords } from "../../graph/format/pattern.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import { coordinatorFnType, flowType, type Graph, type GraphNode, retryDefaults, runs } from "../../graph/index.ts";
import { awaitsSignal, edgeLabel } from "../../graph/mermaid.ts";
import type { GraphEdgeView, GraphNodeView, GraphView, Setting } from "../api.ts";
import { counted, inputTexts, sentence, settingTexts, startTexts } from "./sentences.ts";

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

/** The nodes whose artifacts a node reads; `undefined` if the graph does not state them. */
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

/** The settings of a node, as text. */
function settingsOf(node: GraphNode): readonly Setting[] {
  const { when, optional, delay_sec: delay = 0, partitions = 1, timeout_sec: timeout, batches = {}, io = {} } = node;
  const isWorker = node.type !== coordinatorFnType;
  const pending = io.max_pending_batches;
  const { ordered, partitions: parallel, pending: ahead, optional: mayFail, flow } = settingTexts;
  return [
    ...startOf(node),
    ...(when === undefined ? [] : [{ name: "runs", text: whenWords(when) }]),
    ...inputOf(node),
    ...(delay === 0 ? [] : [{ name: "delay", text: typeof delay === "object" ? delay.$ref : seconds(delay) }]),
    ...(isWorker ? retriesOf(node) : []),
    ...(timeout === undefined
      ? []
      : [{ name: awaitsSignal(node) ? "time to wait" : "time limit of an attempt", text: seconds(timeout) }]),
    ...(batches.timeout_sec === undefined
      ? []
      : [{ name: "time limit of a batch", text: seconds(batches.timeout_sec) }]),
    ...(batches.on_failure === "set_aside" ? [{ name: "failed batches", text: asideText(batches) }] : []),
    ...(batches.ordered ? [{ name: "order", text: ordered }] : []),
    ...(partitions === 1 ? [] : [{ name: "partitions", text: sentence(parallel, { count: partitions }) }]),
    ...(pending === undefined ? [] : [{ name: "backpressure", text: counted(pending, ahead) }]),
    ...limitsOf(node),
    ...(optional ? [{ name: "optional", text: mayFail }] : []),
    ...(node.type === flowType
      ? [{ name: "flow", text: sentence(flow, { flow: io.flow ?? "", item: io.item ?? "" }) }]
      : []),
  ];
}

function startOf({ depends_on: parents, fan_in: fanIn = "all", io }: GraphNode): readonly Setting[] {
  if (parents.length === 0) return [];
  const count = Number(fanIn.slice("count:".length));
  const which = parents.length === 1 ? "one" : fanIn === "all" || fanIn === "any" ? fanIn : "count";
  return [{ name: "starts", text: sentence(startTexts[io?.start_when ?? "ready"][which], { count }) }];
}

function inputOf(node: GraphNode): readonly Setting[] {
  const { node_id: nodeId, io, fan_in: fanIn, depends_on: parents } = node;
  const reading = readingOf({ nodeId, inline: io?.input_inline, fanIn, parents });
  if (reading === undefined) return [];
  const { adapter, sources, listKey, where } = reading;
  const { size } = io?.input_inline?.input_args ?? {};
  const isKnown = builtInAdapter(adapter) !== undefined && Object.hasOwn(inputTexts, adapter);
  const text = sentence(inputTexts[isKnown ? (adapter as keyof typeof inputTexts) : "custom"], {
    adapter,
    from: sources.map((source) => source.nodeId).join(", "),
    key: typeof listKey === "string" ? listKey : "list",
    size: JSON.stringify(size ?? 1),
  });
  return [
    { name: "reads", text },
    ...(where === undefined ? [] : [{ name: "only batches where", text: patternWords(where) }]),
  ];
}

function retriesOf({ retry_policy: policy }: GraphNode): readonly Setting[] {
  const { max, permanent_on: codes } = { ...retryDefaults, ...policy };
  return [
    { name: "retries", text: retryText({ ...retryDefaults, ...policy }) },
    ...(max === 0 || codes.length === 0 ? [] : [{ name: "not retried", text: codes.join(", ") }]),
  ];
}

function retryText(policy: Required<NonNullable<GraphNode["retry_policy"]>>): string {
  const { max, backoff_sec: first, backoff_factor: factor, backoff_max_sec: most } = policy;
  const { none, now, after, growing } = settingTexts.retries;
  if (max === 0) return none;
  if (first === 0) return counted(max, now);
  if (factor === 1 || max === 1) return counted(max, after, { first: seconds(first) });
  return sentence(growing, { count: max, first: seconds(first), factor, most: seconds(most) });
}

function asideText({ tolerate_batches: count, tolerate_share: share }: NonNullable<GraphNode["batches"]>): string {
  const { all, count: byCount, share: byShare, both } = settingTexts.aside;
  const hasShare = share !== undefined && share !== 1;
  const text = count === undefined ? (hasShare ? byShare : all) : hasShare ? both : byCount;
  return sentence(text, { count: count ?? 0, share: Math.round((share ?? 1) * 1_000) / 10 });
}

function limitsOf({ limits = {} }: GraphNode): readonly Setting[] {
  const { max_running: max, per_sec: perSec, burst, key } = limits;
  const each = { key: String(isObject(key) ? key.$ref : key) };
  const { running, runningByKey, rate, rateByKey, burst: atOnce } = settingTexts;
  return [
    ...(max === undefined
      ? []
      : [{ name: "concurrency", text: counted(Number(max), key === undefined ? running : runningByKey, each) }]),
    ...(perSec === undefined
      ? []
      : [{ name: "rate", text: counted(Number(perSec), key === undefined ? rate : rateByKey, each) }]),
    ...(perSec === undefined || burst === undefined ? [] : [{ name: "burst", text: counted(Number(burst), atOnce) }]),
  ];
}

const seconds = (sec: number): string => {
  const [unit, size] =
    sec >= 86_400 ? ["d", 86_400] : sec >= 7_200 ? ["h", 3_600] : sec >= 120 ? ["min", 60] : ["s", 1];
  return `${Math.round((sec / Number(size)) * 100) / 100} ${unit}`;
};
