import type { Json } from "../../errors/index.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import { type Change, diffGraphs, type Graph } from "../../graph/index.ts";
import type { GraphNodeView } from "../../studio/api.ts";
import { viewGraph } from "../../studio/views/graph-view.ts";
import { counted } from "../terminal/terminal.ts";

/** "flow shop: 3 nodes, 2 edges". */
export function graphSummary({ name, nodes, edges }: Graph): string {
  return `flow ${name ?? "without a name"}: ${counted(nodes.length, "node")}, ${counted(edges.length, "edge")}`;
}

/** The differences between two graphs with schemas, one per line. Empty if there are none. */
export function graphChanges(before: Graph, after: Graph): readonly string[] {
  const { nodes, edges, graph } = diffGraphs(before, after);
  const [was, is] = [viewsOf(before), viewsOf(after)];
  const known = new Map(after.nodes.map((node) => [node.node_id, node.depends_on]));
  const ofNew = (id: string) => {
    const parents = known.get(id) ?? [];
    return `node '${id}' added, of type '${is.get(id)?.type}'${parents.length === 0 ? "" : `, after ${quoted(parents)}`}`;
  };
  const isOfChangedNode = (pair: readonly [string, string]) =>
    !pair.some((id) => nodes.added.includes(id) || nodes.removed.includes(id));
  return [
    ...nodes.removed.map((id) => `node '${id}' removed`),
    ...nodes.added.map(ofNew),
    ...edges.removed.filter(isOfChangedNode).map(([from, to]) => `'${to}' no longer waits for '${from}'`),
    ...edges.added.filter(isOfChangedNode).map(([from, to]) => `'${to}' now waits for '${from}'`),
    ...nodes.changed.flatMap(({ nodeId, changes }) =>
      nodeWords(changes, was.get(nodeId), is.get(nodeId)).map((text) => `node '${nodeId}': ${text}`),
    ),
    ...new Set(graph.map(graphWords)),
    ...[...edges.incompatible, ...edges.lostCases].map(({ message }) => message),
  ];
}

const quoted = (ids: readonly string[]): string => ids.map((id) => `'${id}'`).join(", ");

const viewsOf = (graph: Graph): ReadonlyMap<string, GraphNodeView> =>
  new Map(viewGraph(graph).nodes.map((node) => [node.id, node]));

/** Settings are compared as the studio shows them; arguments of handlers, and settings without words, as values. */
function nodeWords(changes: readonly Change[], was?: GraphNodeView, is?: GraphNodeView): readonly string[] {
  const before = new Map(was?.settings.map(({ name, text }) => [name, text]));
  const after = new Map(is?.settings.map(({ name, text }) => [name, text]));
  const names = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  );
  const rest = changes.flatMap(unfolded).filter(({ path }) => names.length === 0 || wordless.test(path));
  return [
    ...names.map((name) => `${name}: ${before.get(name) ?? "not set"} -> ${after.get(name) ?? "not set"}`),
    ...rest.filter(({ path }) => !path.startsWith("/depends_on")).map(valueWords),
  ];
}

/** Splits the change of a node that starts or stops reading, which is one change of the whole object. */
function unfolded(change: Change): readonly Change[] {
  const { path, before, after } = change;
  const whole = before ?? after;
  if (!/^\/io(\/input_inline(\/input_args)?)?$/.test(path) || !isObject(whole)) return [change];
  const side = before === undefined ? "after" : "before";
  return Object.entries(whole).flatMap(([key, value]) => unfolded({ path: `${path}/${key}`, [side]: value as Json }));
}

/** Paths without words: the type, and arguments of handlers, functions and custom input adapters. */
const wordless =
  /^\/(type$|io\/fn_|io\/input_inline\/(?!input_adapter$|input_args\/(from_nodes|where|size|meta_list_key)(\/|$)))/;

/** "/io/input_inline/city" is the argument 'city' of a handler: every key except the routing is one. */
function valueWords({ path, before, after }: Change): string {
  const [, key] = /^\/io\/(?:input_inline\/(?!input_adapter|input_args)|fn_args\/)(.+)$/.exec(path) ?? [];
  const what = key === undefined ? path.slice(1).replaceAll("/", ".") : `argument '${key.replaceAll("/", ".")}'`;
  return `${what}: ${short(before)} -> ${short(after)}`;
}

function graphWords(change: Change): string {
  const [, type, part] = /^\/schemas\/([^/]+)(?:\/([^/]+))?/.exec(change.path) ?? [];
  if (type !== undefined) return `type '${type}': ${partWords(part)} changed`;
  const [, flow] = /^\/flows\/([^/]+)/.exec(change.path) ?? [];
  if (flow !== undefined) return `flow '${flow}', which a node runs, changed`;
  if (change.path.startsWith("/params_schema")) return "the schema of the parameters changed";
  return valueWords(change);
}

const partWords = (part: string | undefined): string =>
  part === undefined ? "its schemas" : `the schema of its ${part}`;

const longest = 60;

function short(value: Json | undefined): string {
  if (value === undefined) return "not set";
  const text = JSON.stringify(value);
  return text.length <= longest ? text : `${text.slice(0, longest).toWellFormed()}...`;
}
