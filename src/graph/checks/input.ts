import { outputAsWritten } from "../../builtins/coordinator-functions/index.ts";
import type { Reading } from "../../builtins/input-adapters/adapter.ts";
import { type DeliveryFault, EdgeInputs, readingOf } from "../../builtins/input-adapters/deliveries.ts";
import {
  adapterName,
  adapterSpellings,
  builtInAdapter,
  commonAdapterArgs,
  spellOutArgs,
  splitArgs,
} from "../../builtins/input-adapters/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import { knownData } from "../data/graph-data.ts";
import { cut, formatMessage, shown } from "../format/messages.ts";
import { isObject } from "../format/plain-data.ts";
import type { Path } from "../format/pointer.ts";
import type { DraftNode } from "../format/shape.ts";
import { type AncestorQuestion, notUpstream } from "../format/topology.ts";
import { coordinatorFnType } from "../format/types.ts";
import { checkArgs } from "./args.ts";
import type { CheckContext } from "./context.ts";
import { type Links, parentPath } from "./structure.ts";

/**
 * The input adapters are known and have valid arguments.
 *
 * @returns the sources that the adapters name
 */
export function checkInput(context: CheckContext, links: Links): readonly NamedSource[] {
  const known = new Set([...adapterSpellings, ...(context.options.adapters ?? []).map(({ name }) => name)]);
  const read: NamedSource[] = [];
  for (const node of context.draft.nodes) {
    const inline = node.facets.input_inline;
    if (inline === undefined || node.facets.type === coordinatorFnType) continue;
    const path = node.pathOf("input_inline");
    if (inline.input_adapter !== undefined) {
      for (const source of checkAdapter(context, { node, links, known, path })) read.push(source);
    } else if (inline.input_args !== undefined) {
      const message = formatMessage("argsWithoutAdapter", { node: node.name });
      context.findings.add({ code: "GRAPH_ADAPTER_ARGS", path: [...path, "input_args"], message });
    }
  }
  return read;
}

const sourceKeys = ["from_nodes", "from"];

interface AdapterUse {
  readonly node: DraftNode;
  readonly links: Links;
  readonly known: ReadonlySet<string>;
  /** Of `input_inline`. */
  readonly path: Path;
}

function checkAdapter({ options, findings }: CheckContext, use: AdapterUse): readonly NamedSource[] {
  const { node, path } = use;
  const { input_adapter: written = "", input_args: given = {} } = node.facets.input_inline ?? {};
  const name = adapterName(written);
  const custom = options.adapters?.find((adapter) => adapter.name === written);
  const argsPath = [...path, "input_args"];
  const { args, spelling } = readAlias(given, { node, argsPath, findings });
  const builtIn = custom === undefined ? builtInAdapter(name) : undefined;
  if (custom === undefined && builtIn === undefined) {
    const message = formatMessage("unknownInputAdapter", { node: node.name, adapter: cut(written) });
    const near = { word: written, among: use.known };
    findings.add({ code: "GRAPH_UNKNOWN_ADAPTER", path: [...path, "input_adapter"], message, near });
  } else {
    const code = "GRAPH_ADAPTER_ARGS";
    const check = {
      path: argsPath,
      owner: `node '${node.name}'`,
      name: `adapter '${cut(written)}'`,
      code,
      sourceKeys,
    } as const;
    if (builtIn !== undefined) {
      checkArgs({ ...check, schema: builtIn.args, args }, findings);
    } else if (custom !== undefined) {
      const { common, own } = splitArgs(args, custom.args);
      checkArgs({ ...check, schema: commonAdapterArgs, args: common }, findings);
      checkArgs({ ...check, schema: custom.args, args: own, sourceKeys: [] }, findings);
    }
  }
  const named = sourcesIn(args, { node, args: argsPath, spelling });
  if (named.length === 0 && !says(given) && isRoot(use)) {
    const message = formatMessage("nothingToRead", { node: node.name, adapter: cut(written) });
    findings.add({ code: "GRAPH_FROM_NODES", path: [...path, "input_adapter"], message });
  }
  return named;
}

const says = (args: JsonObject): boolean => ["from_nodes", "from_node", "from"].some((key) => Object.hasOwn(args, key));

function isRoot({ node, links }: AdapterUse): boolean {
  return links.declared[node.index]?.names.length === 0 && !links.incomplete.has(node.index);
}

interface AliasPlace {
  readonly node: DraftNode;
  readonly argsPath: Path;
  readonly findings: CheckContext["findings"];
}

/** Expands the alias `from_node`; reports it if it is ill-typed or given together with `from_nodes`. */
function readAlias(
  given: JsonObject,
  { node, argsPath, findings }: AliasPlace,
): { readonly args: JsonObject; readonly spelling: "from_node" | "from_nodes" } {
  const alias = given.from_node;
  if (alias === undefined) return { args: given, spelling: "from_nodes" };
  const path = [...argsPath, "from_node"];
  const { from_node: _, ...rest } = given;
  if (isObject(given) && Object.hasOwn(given, "from_nodes")) {
    const message = formatMessage("aliasBesides", { node: node.name });
    findings.add({ code: "GRAPH_ADAPTER_ARGS", path, message });
    return { args: rest, spelling: "from_nodes" };
  }
  if (typeof alias !== "string") {
    const values = {
      owner: `node '${node.name}'`,
      name: "input_args",
      key: "from_node ",
      expected: "must be a node id",
    };
    const message = formatMessage("illShapedArgs", { ...values, actual: shown(alias) });
    findings.add({ code: "GRAPH_FROM_NODES", path, message });
    return { args: rest, spelling: "from_nodes" };
  }
  return { args: spellOutArgs(given), spelling: "from_node" };
}

/** A reference of a node to one of its sources. */
export interface NamedSource {
  readonly node: DraftNode;
  readonly name: string;
  /** Path of the arguments. */
  readonly args: Path;
  readonly list: string;
  /** Its position in the list, or its alias; absent if the argument is the name itself. */
  readonly at?: number | string;
}

function sourcePath({ args, list, at }: NamedSource): Path {
  return at === undefined ? [...args, list] : [...args, list, at];
}

export interface SourcesPlace {
  readonly node: DraftNode;
  /** Path of the arguments. */
  readonly args: Path;
  readonly spelling?: "from_node" | "from_nodes";
}

/** The names in one argument, a list or a single name; other values are skipped. */
export function sourcesOf(value: Json | undefined, place: Pick<NamedSource, "node" | "args" | "list">): NamedSource[] {
  if (typeof value === "string") return [{ ...place, name: value }];
  if (!Array.isArray(value)) return [];
  return value.flatMap((name: Json, at) => (typeof name === "string" ? [{ ...place, name, at }] : []));
}

/** The names in `from_nodes` and `from`; other values are skipped. */
function sourcesIn(value: JsonObject, { node, args, spelling = "from_nodes" }: SourcesPlace): NamedSource[] {
  const { from_nodes: names, from: aliases } = value;
  if (Array.isArray(names)) {
    const found = sourcesOf(names, { node, args, list: spelling });
    return spelling === "from_node" ? found.map(({ at: _, ...alone }) => alone) : found;
  }
  if (!isObject(aliases)) return [];
  return Object.entries(aliases).flatMap(([at, name]) =>
    typeof name === "string" ? [{ node, name, args, list: "from", at }] : [],
  );
}

/** Sources are upstream of the nodes that read them. */
export function checkSources({ draft, findings, names }: CheckContext, { sources, links, groups }: SourcesFacts): void {
  const questions: (AncestorQuestion & { readonly source: NamedSource })[] = [];
  const seen = new Set<string>();
  let current: DraftNode | undefined;
  let declared: ReadonlySet<string> | undefined;
  for (const source of sources) {
    const { node, name } = source;
    if (node !== current) {
      current = node;
      seen.clear();
      declared = undefined;
    }
    const found = draft.byName.get(name);
    if (source.list === "from_nodes" && seen.has(name)) {
      const message = formatMessage("duplicateSource", { node: node.name, id: cut(name) });
      findings.add({ code: "GRAPH_FROM_NODES", path: sourcePath(source), message });
    } else if (found !== undefined) {
      questions.push({ source, descendant: node.index, ancestor: found.index });
    } else {
      declared ??= new Set(links.declared[node.index]?.names);
      if (declared.has(name)) continue; // already reported as a parent
      const near = { word: name, among: names };
      const message = formatMessage("sourceNotInGraph", { node: node.name, id: cut(name) });
      findings.add({ code: "GRAPH_FROM_NODES", path: sourcePath(source), message, near });
    }
    seen.add(name);
  }
  const uncertain = uncertainNodes(links, groups);
  for (const { source } of notUpstream(questions, { parents: links.parents, groups })) {
    const { node, name } = source;
    if (uncertain[node.index] === 1) continue;
    const message = formatMessage("notUpstream", { node: node.name, id: cut(name) });
    findings.add({ code: "GRAPH_FROM_NODES", path: sourcePath(source), message });
  }
}

interface SourcesFacts {
  /** Grouped by node. */
  readonly sources: readonly NamedSource[];
  readonly links: Links;
  readonly groups: readonly (readonly number[])[];
}

/** Nodes that have an unresolved parent, or an ancestor that has one. */
function uncertainNodes(links: Links, groups: readonly (readonly number[])[]): Uint8Array {
  const uncertain = new Uint8Array(links.parents.length);
  if (links.incomplete.size === 0) return uncertain;
  for (const group of groups) {
    const isUncertain = group.some(
      (node) => links.incomplete.has(node) || links.parents[node]?.some((parent) => uncertain[parent] === 1),
    );
    if (isUncertain) for (const node of group) uncertain[node] = 1;
  }
  return uncertain;
}

/** Nodes whose failed batches are read set them aside, and state how they read their own sources. */
export function checkFailures({ draft, findings }: CheckContext, links: Links): void {
  for (const node of draft.nodes) {
    const { input_adapter: adapter = "" } = node.facets.input_inline ?? {};
    if (!builtInAdapter(adapterName(adapter))?.readsFailures) continue;
    if (node.facets.input_inline?.input_args?.where !== undefined) {
      const message = formatMessage("failuresWhere", { node: node.name });
      findings.add({ code: "GRAPH_ADAPTER_ARGS", path: pathOf({ where: [] }, { node, links }), message });
    }
    for (const [at, { nodeId: id }] of readingBy(node, links)?.sources.entries() ?? []) {
      const source = draft.byName.get(id);
      if (source === undefined || source.unclear.has("batches") || source.unclear.has("input_inline")) continue;
      const { batches, input_inline: inline } = source.facets;
      const isFed = (links.declared[source.index]?.names.length ?? 0) > 0;
      const isUnread = isFed && inline?.input_adapter === undefined;
      const fault = batches?.on_failure !== "set_aside" ? "noFailures" : isUnread ? "failuresUnread" : undefined;
      if (fault === undefined) continue;
      const message = formatMessage(fault, { node: node.name, id: cut(id) });
      findings.add({ code: "GRAPH_FROM_NODES", path: pathOf(at, { node, links }), message });
    }
  }
}

/** `undefined` if it reads nothing, or if what it reads is unclear. */
function readingBy(node: DraftNode, links: Links): Reading | undefined {
  const { node_id: nodeId, type, input_inline: inline, fan_in: fanIn } = node.facets;
  if (nodeId === undefined || type === coordinatorFnType || links.incomplete.has(node.index)) return undefined;
  return readingOf({ nodeId, inline, fanIn, parents: links.declared[node.index]?.names ?? [] });
}

/**
 * The data of a node's sources fits its input, as far as both are described. Skips nodes with other findings, which may
 * not read what was intended.
 */
export function checkData({ draft, options, findings }: CheckContext, links: Links): void {
  const { schemas, flows } = draft;
  if (schemas === undefined && options.handlers === undefined) return;
  const data = knownData({ ...options, outputAsWritten, schemas, flows }, (nodeId) => draft.byName.get(nodeId)?.facets);
  const deliveries = new EdgeInputs(data);
  const mistaken = findings.nodes();
  for (const node of draft.nodes) {
    const reading = mistaken.has(node.index) ? undefined : readingBy(node, links);
    if (reading === undefined) continue;
    for (const { message, at } of deliveries.faultsOf(reading)) {
      findings.add({ code: "GRAPH_EDGE_DATA", path: pathOf(at, { node, links }), message });
    }
  }
}

/** The path of the value to correct. */
function pathOf(at: DeliveryFault["at"], { node, links }: { node: DraftNode; links: Links }): Path {
  const inline = node.pathOf("input_inline");
  if (at === "adapter") return [...inline, "input_adapter"];
  if (at === "listKey") return [...inline, "input_args", "meta_list_key"];
  if (typeof at === "object" && "where" in at) return [...inline, "input_args", "where", ...at.where];
  const { from_nodes: list, from_node: alone } = node.facets.input_inline?.input_args ?? {};
  if (typeof at === "object") return [...inline, "input_args", "from", at.alias];
  if (list !== undefined) return [...inline, "input_args", "from_nodes", at];
  if (alone !== undefined) return [...inline, "input_args", "from_node"];
  const named = links.declared[node.index];
  return named?.names[at] === undefined ? inline : parentPath(node, named, at);
}
