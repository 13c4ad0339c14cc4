import type { Json, JsonObject } from "../../errors/index.ts";
import { cut, say } from "../format/messages.ts";
import { isObject } from "../format/plain-data.ts";
import type { Path } from "../format/pointer.ts";
import type { DraftNode } from "../format/shape.ts";
import { type AncestorQuestion, notUpstream } from "../format/topology.ts";
import type { CheckContext } from "./context.ts";
import type { Links } from "./dependencies.ts";

/** A node that another one reads from, as it names it, and where. */
export interface NamedSource {
  readonly node: DraftNode;
  readonly name: string;
  /** Path of the arguments. */
  readonly args: Path;
  readonly list: string;
  /** Its position in the list, its alias; nothing where the name stands alone. */
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

/** The names in one argument, a list or one alone, as far as they are names. */
export function sourcesOf(value: Json | undefined, place: Pick<NamedSource, "node" | "args" | "list">): NamedSource[] {
  if (typeof value === "string") return [{ ...place, name: value }];
  if (!Array.isArray(value)) return [];
  return value.flatMap((name: Json, at) => (typeof name === "string" ? [{ ...place, name, at }] : []));
}

/** The names in `from_nodes` and `from`, as far as they are names. */
export function sourcesIn(value: JsonObject, { node, args, spelling = "from_nodes" }: SourcesPlace): NamedSource[] {
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

/** Nodes read from what is upstream of them. */
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
      const message = say("duplicateSource", { node: node.name, id: cut(name) });
      findings.add({ code: "GRAPH_FROM_NODES", path: sourcePath(source), message });
    } else if (found !== undefined) {
      questions.push({ source, descendant: node.index, ancestor: found.index });
    } else {
      declared ??= new Set(links.declared[node.index]?.names);
      if (declared.has(name)) continue; // reported as a parent already
      const near = { word: name, among: names };
      const message = say("sourceNotInGraph", { node: node.name, id: cut(name) });
      findings.add({ code: "GRAPH_FROM_NODES", path: sourcePath(source), message, near });
    }
    seen.add(name);
  }
  const uncertain = uncertainNodes(links, groups);
  for (const { source } of notUpstream(questions, { parents: links.parents, groups })) {
    const { node, name } = source;
    if (uncertain[node.index] === 1) continue;
    const message = say("notUpstream", { node: node.name, id: cut(name) });
    findings.add({ code: "GRAPH_FROM_NODES", path: sourcePath(source), message });
  }
}

interface SourcesFacts {
  /** One node's after the other's. */
  readonly sources: readonly NamedSource[];
  readonly links: Links;
  readonly groups: readonly (readonly number[])[];
}

/** Nodes with something upstream whose parents are not all known. */
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
