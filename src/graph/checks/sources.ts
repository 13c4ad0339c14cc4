import type { Json, JsonObject } from "../../errors/index.ts";
import type { DraftNode } from "../draft.ts";
import { say } from "../messages.ts";
import { isObject } from "../plain-data.ts";
import type { Path } from "../pointer.ts";
import { cut } from "../quoted.ts";
import { type AncestorQuestion, notUpstream } from "../topology.ts";
import type { CheckContext } from "./context.ts";
import type { Links } from "./dependencies.ts";

/** A node that another one reads from, as it names it, and where. */
export interface NamedSource {
  readonly node: DraftNode;
  readonly name: string;
  readonly path: Path;
  /** In `from_nodes`, where each node stands once; under aliases the same one may stand twice. */
  readonly once: boolean;
}

export interface SourcesPlace {
  readonly node: DraftNode;
  /** Of the arguments. */
  readonly path: Path;
  readonly spelling?: "from_node" | "from_nodes";
}

/** The names in `from_nodes` and `from`, as far as they are names. */
export function sourcesIn(args: JsonObject, { node, path, spelling }: SourcesPlace): NamedSource[] {
  const { from_nodes: list, from: aliases } = args;
  if (Array.isArray(list)) {
    return texts([...list.entries()]).map(([index, name]) => {
      const at = spelling === "from_node" ? [...path, "from_node"] : [...path, "from_nodes", index];
      return { node, name, path: at, once: true };
    });
  }
  if (!isObject(aliases)) return [];
  return texts(Object.entries(aliases)).map(([alias, name]) => {
    return { node, name, path: [...path, "from", alias], once: false };
  });
}

function texts<TKey>(entries: readonly (readonly [TKey, Json])[]): (readonly [TKey, string])[] {
  return entries.flatMap(([key, value]) => (typeof value === "string" ? [[key, value] as const] : []));
}

/** Nodes read from what is upstream of them. */
export function checkSources({ draft, findings, names }: CheckContext, { sources, links, groups }: SourcesFacts): void {
  const questions: (NamedSource & AncestorQuestion)[] = [];
  let current: DraftNode | undefined;
  let seen = new Set<string>();
  let declared = new Set<string>();
  for (const source of sources) {
    const { node, name, path } = source;
    if (node !== current) {
      current = node;
      seen = new Set();
      declared = new Set(links.declared[node.index]?.map((parent) => parent.name));
    }
    const values = { node: node.name, id: cut(name) };
    const found = draft.byName.get(name);
    if (source.once && seen.has(name)) {
      findings.add({ code: "GRAPH_FROM_NODES", path, message: say("duplicateSource", values) });
    } else if (found !== undefined) {
      questions.push({ ...source, descendant: node.index, ancestor: found.index });
    } else if (!declared.has(name)) {
      // As a parent the name is reported already.
      const near = { word: name, among: names };
      findings.add({ code: "GRAPH_FROM_NODES", path, message: say("sourceNotInGraph", values), near });
    }
    seen.add(name);
  }
  const uncertain = uncertainNodes(links, groups);
  for (const { node, name, path } of notUpstream(questions, { parents: links.parents, groups })) {
    if (uncertain[node.index] === 1) continue;
    const message = say("notUpstream", { node: node.name, id: cut(name) });
    findings.add({ code: "GRAPH_FROM_NODES", path, message });
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
