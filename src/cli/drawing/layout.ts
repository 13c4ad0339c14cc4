import { type Graph, type GraphNode, runs } from "../../graph/index.ts";
import { edgeLabel, nodeNotes } from "../../graph/mermaid.ts";

/*
 * A layered layout of a graph, parents above their children, in the three steps of Sugiyama's method: layers by the
 * longest path from a root; an order within each layer that has few crossings; coordinates close to a node's neighbours.
 * An edge across several layers has a bend in each of them.
 */

export interface Box {
  readonly node: GraphNode;
  readonly lines: readonly string[];
  /** The center of the box. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Line {
  readonly from: string;
  readonly to: GraphNode;
  /**
   * From the bottom of `from` to the top of `to`. Within each layer in between the line is vertical, so that a curve never
   * crosses a box.
   */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

const margin = 16;
const boxHeight = 48;
const layerHeight = 104;
const gap = 28;
/** The width of a character in the drawing's font. */
const letterWidth = 7.3;
/** Beyond this number, long edges are straight, which keeps the layout of huge graphs fast. */
const maxBends = 20_000;
const sweeps = 12;

/** A node, or the bend of an edge in a layer that it crosses. */
interface Item {
  readonly box: { readonly node: GraphNode; readonly lines: readonly string[] } | undefined;
  readonly width: number;
  readonly layer: number;
  readonly above: Item[];
  readonly below: Item[];
  /** The position within the layer. */
  order: number;
  x: number;
}

export function layOut({ nodes }: Pick<Graph, "nodes">): Layout {
  const layerOf = layersOf(nodes);
  const items = new Map(nodes.map((node) => [node.node_id, nodeItem(node, layerOf.get(node.node_id) ?? 0)]));
  const { chains, bends } = connect(nodes, items);
  const layers: Item[][] = [];
  for (const item of [...items.values(), ...bends]) {
    layers[item.layer] ??= [];
    layers[item.layer]?.push(item);
  }
  order(layers);
  place(layers);
  return toLayout({ items, chains, layers });
}

/** Layers by the longest path from a root. In topological order, since a graph lists its nodes in any order. */
function layersOf(nodes: readonly GraphNode[]): ReadonlyMap<string, number> {
  const layers = new Map<string, number>();
  const children = new Map<string, string[]>();
  const open = new Map(nodes.map((node) => [node.node_id, node.depends_on.length]));
  for (const { node_id: id, depends_on: parents } of nodes) {
    for (const parent of parents) children.set(parent, [...(children.get(parent) ?? []), id]);
  }
  const ready = nodes.filter((node) => node.depends_on.length === 0).map(({ node_id: id }) => id);
  for (let id = ready.shift(); id !== undefined; id = ready.shift()) {
    const layer = layers.get(id) ?? 0;
    layers.set(id, layer);
    for (const child of children.get(id) ?? []) {
      layers.set(child, Math.max(layers.get(child) ?? 0, layer + 1));
      const left = (open.get(child) ?? 0) - 1;
      open.set(child, left);
      if (left === 0) ready.push(child);
    }
  }
  return layers;
}

const longestLabel = 60;

/** The label of a node: special properties that its edges have in common, and those of the node itself. */
export function labelOf(node: GraphNode): string | undefined {
  const [parent = ""] = node.depends_on;
  const onEdges = parent === "" ? [] : (edgeLabel(node, parent) ?? []);
  const label = [onEdges, nodeNotes(node)].flat().join(", ");
  if (label === "") return undefined;
  return label.length > longestLabel ? `${label.slice(0, longestLabel - 1)}…` : label;
}

function nodeItem(node: GraphNode, layer: number): Item {
  const code = runs(node);
  const lines = node.node_id === code ? [code] : [node.node_id, code];
  const label = labelOf(node);
  const width = Math.max(...lines.map((line) => line.length)) * letterWidth + 32;
  // The label takes the right half, beside the arrow tips in the middle.
  const labelled = label === undefined ? 0 : 2 * (label.length * letterWidth + 12);
  return { box: { node, lines }, width: Math.max(width, labelled), layer, above: [], below: [], order: 0, x: 0 };
}

interface Chain {
  readonly from: string;
  readonly to: GraphNode;
  readonly items: readonly Item[];
}

function connect(
  nodes: readonly GraphNode[],
  items: ReadonlyMap<string, Item>,
): { readonly chains: readonly Chain[]; readonly bends: readonly Item[] } {
  const bends: Item[] = [];
  const chains: Chain[] = [];
  for (const node of nodes) {
    const end = items.get(node.node_id);
    for (const parent of node.depends_on) {
      const start = items.get(parent);
      if (start === undefined || end === undefined) continue;
      const path: Item[] = [start];
      for (let layer = start.layer + 1; layer < end.layer && bends.length < maxBends; layer++) {
        const bend: Item = { box: undefined, width: 8, layer, above: [], below: [], order: 0, x: 0 };
        bends.push(bend);
        path.push(bend);
      }
      path.push(end);
      for (const [index, lower] of path.entries()) {
        const upper = path[index - 1];
        upper?.below.push(lower);
        if (upper !== undefined) lower.above.push(upper);
      }
      chains.push({ from: parent, to: node, items: path });
    }
  }
  return { chains, bends };
}

/** Sweeps down and up, sorting each layer by the mean position of its neighbours in the previous layer. */
function order(layers: readonly Item[][]): void {
  for (const layer of layers) number(layer);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const isDown = sweep % 2 === 0;
    for (const layer of isDown ? layers : layers.toReversed()) {
      const middle = new Map(
        layer.map((item) => [item, mean(isDown ? item.above : item.below, "order") ?? item.order]),
      );
      layer.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0));
      number(layer);
    }
  }
}

function number(layer: readonly Item[]): void {
  for (const [index, item] of layer.entries()) item.order = index;
}

/** Moves items towards the mean of their neighbours, keeping the minimum gaps. */
function place(layers: readonly Item[][]): void {
  for (const layer of layers) spread(layer, new Map());
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const isDown = sweep % 2 === 0;
    for (const layer of isDown ? layers : layers.toReversed()) {
      const wanted = layer.map((item) => {
        const near = isDown ? item.above : item.below;
        return [item, mean(near.length > 0 ? near : [...item.above, ...item.below], "x") ?? item.x] as const;
      });
      spread(layer, new Map(wanted));
    }
  }
}

/** Finds the least-squares coordinates that keep order and gaps, by merging neighbours that get too close into groups. */
function spread(layer: readonly Item[], wanted: ReadonlyMap<Item, number>): void {
  const groups: { sum: number; count: number; readonly members: { item: Item; offset: number }[] }[] = [];
  let offset = 0;
  let previous: Item | undefined;
  for (const item of layer) {
    if (previous !== undefined) offset += (previous.width + item.width) / 2 + gap;
    previous = item;
    groups.push({ sum: (wanted.get(item) ?? offset) - offset, count: 1, members: [{ item, offset }] });
    for (let last = groups.at(-1), left = groups.at(-2); last && left; last = groups.at(-1), left = groups.at(-2)) {
      if (left.sum / left.count <= last.sum / last.count) break;
      left.sum += last.sum;
      left.count += last.count;
      for (const member of last.members) left.members.push(member);
      groups.pop();
    }
  }
  for (const { sum, count, members } of groups) {
    for (const { item, offset: own } of members) item.x = sum / count + own;
  }
}

const mean = (items: readonly Item[], key: "order" | "x"): number | undefined =>
  items.length === 0 ? undefined : items.reduce((sum, item) => sum + item[key], 0) / items.length;

function toLayout(parts: {
  readonly items: ReadonlyMap<string, Item>;
  readonly chains: readonly Chain[];
  readonly layers: readonly Item[][];
}): Layout {
  const all = parts.layers.flat();
  const left = all.reduce((least, { x, width }) => Math.min(least, x - width / 2), Number.POSITIVE_INFINITY);
  const right = all.reduce((most, { x, width }) => Math.max(most, x + width / 2), Number.NEGATIVE_INFINITY);
  const xOf = (item: Item): number => Math.round(item.x - left + margin);
  const yOf = (item: Item): number => margin + boxHeight / 2 + item.layer * layerHeight;
  const boxes = [...parts.items.values()].flatMap((item) =>
    item.box === undefined
      ? []
      : [{ ...item.box, x: xOf(item), y: yOf(item), width: Math.round(item.width), height: boxHeight }],
  );
  const lines = parts.chains.map(({ from, to, items }) => ({
    from,
    to,
    points: items.flatMap((item, index) => {
      const [x, y] = [xOf(item), yOf(item)];
      return [
        ...(index === 0 ? [] : [[x, y - boxHeight / 2] as const]),
        ...(index === items.length - 1 ? [] : [[x, y + boxHeight / 2] as const]),
      ];
    }),
  }));
  return {
    width: Math.round(right - left + 2 * margin),
    height: 2 * margin + boxHeight + (parts.layers.length - 1) * layerHeight,
    boxes,
    lines,
  };
}
