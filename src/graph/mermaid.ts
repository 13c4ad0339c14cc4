import { builtInFunction } from "../builtins/coordinator-functions/index.ts";
import { adapterName, builtInAdapter } from "../builtins/input-adapters/index.ts";
import type { JsonObject } from "../errors/index.ts";
import { canonicalGraph } from "./canonical.ts";
import type { GraphNode } from "./format/node-fields.ts";
import { patternWords, whenWords } from "./format/pattern.ts";
import { isObject } from "./format/plain-data.ts";
import { coordinatorFnType, flowType, type Graph, runs } from "./format/types.ts";

/** Options of `toMermaid`. */
export interface MermaidOptions {
  /** @defaultValue "TD", top down */
  readonly direction?: "TD" | "LR";
}

/**
 * The graph as a Mermaid flowchart, parents first. Sources are rounded, coordinator functions are hexagons, nodes that wait
 * for a signal are parallelograms, and nodes that run a flow for each batch have double sides. A dotted edge delivers from
 * the first batch on, a thick one once its parent has ended, whatever the outcome. The label of an edge shows a `fan_in`
 * other than `"all"`, which batches it takes, whether it reads only failed batches, and the condition of its node.
 *
 * @example
 * toMermaid(graph)
 * // flowchart TD
 * //   extract(["extract<br/>extractor"])
 * //   clean["clean<br/>cleaner"]
 * //   extract -.-> clean
 */
export function toMermaid(graph: Graph, options: MermaidOptions = {}): string {
  const { nodes } = canonicalGraph(graph);
  const ids = mermaidIds(nodes);
  const lines = [`flowchart ${options.direction ?? "TD"}`];
  for (const node of nodes) lines.push(`  ${ids.get(node.node_id)}${shape(node)}`);
  for (const node of nodes) {
    const arrow = arrows[node.io?.start_when ?? "ready"];
    for (const parent of node.depends_on) {
      const says = edgeLabel(node, parent);
      const label = says === undefined ? "" : `|${text(says)}|`;
      lines.push(`  ${ids.get(parent)} ${arrow}${label} ${ids.get(node.node_id)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

const arrows = { ready: "-->", first_batch: "-.->", ended: "==>" } as const;

/**
 * The special properties of an edge: a `fan_in`, which batches it takes, whether it reads what the parent set aside,
 * and when the node runs.
 */
export function edgeLabel(node: GraphNode, parent: string): string | undefined {
  const { fan_in: fanIn = "all" } = node;
  const { where } = node.io?.input_inline?.input_args ?? {};
  const parts = [
    ...(fanIn === "all" ? [] : [fanIn]),
    ...(where === undefined ? [] : [patternWords(where)]),
    ...(readsFailuresOf(node, parent) ? ["failed batches"] : []),
    ...(node.when === undefined ? [] : [whenWords(node.when)]),
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}

/** Whether a node reads what this parent has set aside instead of its outputs. */
export function readsFailuresOf({ io }: GraphNode, parent: string): boolean {
  const { input_adapter: adapter = "", input_args: args } = io?.input_inline ?? {};
  const sources = args?.from_nodes;
  if (!builtInAdapter(adapterName(adapter))?.readsFailures) return false;
  return !Array.isArray(sources) || sources.includes(parent);
}

/** The special properties of a node apart from its edges; for a root, also when it runs. */
export function nodeNotes(node: GraphNode): readonly string[] {
  const { depends_on: parents, when, optional, delay_sec: delay = 0, limits = {} } = node;
  const seconds = typeof delay === "object" ? delay.$ref : `${delay} s`;
  return [
    ...(parents.length > 0 || when === undefined ? [] : [whenWords(when)]),
    ...(optional ? ["optional"] : []),
    ...(delay === 0 ? [] : [`after ${seconds}`]),
    ...limitNotes(limits),
  ];
}

function limitNotes({ per_sec: perSec, key, max_running: max }: JsonObject): readonly string[] {
  const each = key === undefined ? "" : ` per ${isObject(key) ? key.$ref : key}`;
  return [
    ...(perSec === undefined ? [] : [`${perSec} a second${each}`]),
    ...(max === undefined || key === undefined ? [] : [`${max} at once${each}`]),
  ];
}

export const awaitsSignal = ({ io }: GraphNode): boolean =>
  io?.fn !== undefined && builtInFunction(io.fn)?.awaitsSignal === true;

function shape(node: GraphNode): string {
  const lines = [node.node_id, runs(node), ...nodeNotes(node)];
  const label = `"${lines.map(text).join("<br/>")}"`;
  if (awaitsSignal(node)) return `[/${label}/]`;
  if (node.type === coordinatorFnType) return `{{${label}}}`;
  if (node.type === flowType) return `[[${label}]]`;
  return node.depends_on.length === 0 ? `([${label}])` : `[${label}]`;
}

/** Keywords that Mermaid does not accept as node ids. */
const reserved: ReadonlySet<string> = new Set(
  "call class classdef click default end flowchart graph href interpolate linkstyle style subgraph".split(" "),
);

/** Node ids reduced to the characters that Mermaid accepts, still unique. */
function mermaidIds(nodes: readonly GraphNode[]): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  const taken = new Set(nodes.map((node) => node.node_id));
  for (const { node_id: id } of nodes) {
    let safe = id.replace(/[^A-Za-z0-9_]/g, "_");
    while (reserved.has(safe.toLowerCase()) || (safe !== id && taken.has(safe))) safe += "_";
    taken.add(safe);
    ids.set(id, safe);
  }
  return ids;
}

/** Characters that end a label, start Markdown or an entity in it, or would be parsed as HTML. */
function text(value: string): string {
  return value.replace(/[^A-Za-z0-9 _.:-]/gu, (character) => `#${character.codePointAt(0)};`);
}
