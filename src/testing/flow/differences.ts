import type { Json } from "../../errors/index.ts";
import { sortKeys } from "../../graph/format/plain-data.ts";
import type { Graph } from "../../graph/index.ts";
import type { FinishedRun } from "./simulated-run.ts";

const mostShown = 2;
const longest = 120;

/**
 * Describes where two finished runs of a flow differ. Batches of several sources may arrive in any order, so the
 * outputs of a node are compared regardless of order. Nodes whose `fan_in` does not wait for all parents are excluded,
 * as is everything downstream of them.
 */
export function differences(graph: Graph, wanted: FinishedRun, got: FinishedRun): string[] {
  const found: string[] = [];
  const free = drawnNodes(graph);
  for (const { node_id: id } of graph.nodes) {
    if (free.has(id)) continue;
    const missing = without(wanted.outputs[id] ?? [], got.outputs[id] ?? []);
    const extra = without(got.outputs[id] ?? [], wanted.outputs[id] ?? []);
    const parts = [...shown("it stored", extra), ...shown("it did not store", missing)];
    if (parts.length > 0) found.push(`node '${id}': ${parts.join("; ")}`);
    const [a, b] = [wanted.results[id], got.results[id]];
    // A list of outputs has been compared already.
    if (Array.isArray(a) && a.length === wanted.outputs[id]?.length) continue;
    found.push(...difference(`the result of '${id}'`, a, b));
  }
  return found;
}

/** Describes the difference between two values that a user's function derived from two runs. */
export function difference(what: string, wanted: unknown, got: unknown): string[] {
  return text(wanted) === text(got) ? [] : [`${what} is ${cut(text(got))}, not ${cut(text(wanted))}`];
}

/** Nodes whose input depends on chance. */
function drawnNodes({ nodes }: Graph): ReadonlySet<string> {
  const drawn = new Set<string>();
  for (let before = -1; before !== drawn.size; ) {
    before = drawn.size;
    for (const { node_id, fan_in = "all", depends_on } of nodes) {
      const chooses = fan_in !== "all" && depends_on.length > 1 && fan_in !== `count:${depends_on.length}`;
      if (chooses || depends_on.some((id) => drawn.has(id))) drawn.add(node_id);
    }
  }
  return drawn;
}

/** The items of the first list that are missing in the second, counting duplicates. */
function without(items: readonly unknown[], others: readonly unknown[]): string[] {
  const counts = new Map<string, number>();
  for (const other of others) counts.set(text(other), (counts.get(text(other)) ?? 0) + 1);
  return items.map(text).filter((item) => {
    const count = counts.get(item) ?? 0;
    counts.set(item, count - 1);
    return count <= 0;
  });
}

function shown(what: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const rest = items.length > mostShown ? ` and ${items.length - mostShown} more` : "";
  return [`${what} ${items.slice(0, mostShown).map(cut).join(", ")}${rest}`];
}

/** Maps and sets are compared by their entries, since `outside` often contains them. */
function text(value: unknown): string {
  if (value === undefined) return "undefined";
  return JSON.stringify(sortKeys(JSON.parse(JSON.stringify(value, asEntries) ?? "null") as Json));
}

const asEntries = (_key: string, value: unknown): unknown =>
  value instanceof Map || value instanceof Set ? [...value] : value;

const cut = (words: string): string => (words.length <= longest ? words : `${words.slice(0, longest - 1)}…`);
