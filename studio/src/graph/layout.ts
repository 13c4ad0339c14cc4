import { Graph, layout } from "@dagrejs/dagre";
import type { GraphView } from "../api/source.ts";

type Direction = "LR" | "TB";

interface Box {
  readonly x: number;
  readonly y: number;
}

interface Layout {
  /** The upper left corner of each node's box, by id. */
  readonly boxes: ReadonlyMap<string, Box>;
  readonly direction: Direction;
  readonly width: number;
  readonly height: number;
}

export const boxWidth = 204;
/** With and without the counts of batches. */
export const boxHeights = { withCounts: 74, alone: 50 } as const;
/** The width of one letter of a label. */
const letterWidth = 6.8;
const longestLabel = 190;
/** Between neighbouring ranks, with space for the labels of edges. */
const rankGap = 104;
const rowGap = 26;
const columnGap = 20;
/** Below this scale, the ranks of a graph are broken into columns. */
const smallestScale = 0.3;
/** Above this number of nodes, only one layout is computed, since each takes a noticeable time. */
const mostCompared = 150;

/** The layout in the direction in which the graph fits this size at the larger scale. */
export function bestLayout(
  graph: GraphView,
  { width, height }: Pick<Layout, "width" | "height">,
  boxHeight: number,
): Layout {
  const scaleOf = (layout: Layout) => Math.min(width / layout.width, height / layout.height);
  const across = layOut(graph, "LR", boxHeight);
  const down = graph.nodes.length > mostCompared ? across : layOut(graph, "TB", boxHeight);
  const best = scaleOf(down) > scaleOf(across) && scaleOf(across) < 1 ? down : across;
  return scaleOf(best) < smallestScale ? inColumns(across, { width, height }, boxHeight) : best;
}

/** The same order from left to right, but a rank with many nodes takes several columns, for a larger scale. */
function inColumns({ boxes }: Layout, place: Pick<Layout, "width" | "height">, boxHeight: number): Layout {
  const byRank = Map.groupBy(boxes, ([, { x }]) => x);
  const ranks = [...byRank.keys()]
    .sort((a, b) => a - b)
    .map((x) => (byRank.get(x) ?? []).toSorted((a, b) => a[1].y - b[1].y));
  const [columnWidth, rowHeight] = [boxWidth + columnGap, boxHeight + rowGap];
  const sizeOf = (rows: number) => ({
    width: ranks.reduce((sum, rank) => sum + Math.ceil(rank.length / rows) * columnWidth + rankGap, 0),
    height: Math.min(rows, Math.max(...ranks.map(({ length }) => length))) * rowHeight,
  });
  const scaleOf = (rows: number) => Math.min(place.width / sizeOf(rows).width, place.height / sizeOf(rows).height);
  let rows = 1;
  for (let more = 2; more <= boxes.size; more++) if (scaleOf(more) > scaleOf(rows)) rows = more;
  const { width, height } = sizeOf(rows);
  const placed = new Map<string, Box>();
  let left = 0;
  for (const rank of ranks) {
    const columns = Math.ceil(rank.length / rows);
    const perColumn = Math.ceil(rank.length / columns);
    for (const [index, [id]] of rank.entries()) {
      const column = Math.floor(index / perColumn);
      const inColumn = Math.min(perColumn, rank.length - column * perColumn);
      const top = (height - inColumn * rowHeight) / 2;
      placed.set(id, { x: left + column * columnWidth, y: top + (index % perColumn) * rowHeight });
    }
    left += columns * columnWidth + rankGap;
  }
  return { boxes: placed, direction: "LR", width, height };
}

function layOut({ nodes, edges }: GraphView, direction: Direction, boxHeight: number): Layout {
  const graph = new Graph();
  graph.setGraph({
    rankdir: direction,
    ranksep: direction === "LR" ? rankGap : 44,
    nodesep: rowGap,
    // The exact ranker takes seconds for hundreds of nodes.
    ranker: nodes.length > mostCompared ? "longest-path" : "network-simplex",
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of nodes) graph.setNode(id, { width: boxWidth, height: boxHeight });
  for (const { from, to, label } of edges) {
    const width = label === undefined ? 0 : Math.min(longestLabel, label.length * letterWidth + 12);
    graph.setEdge(from, to, { width, height: width === 0 ? 0 : 18, labelpos: "c" });
  }
  layout(graph);
  const boxes = new Map(
    nodes.map(({ id }) => {
      const { x = 0, y = 0 } = graph.node(id);
      return [id, { x: x - boxWidth / 2, y: y - boxHeight / 2 }];
    }),
  );
  const { width = boxWidth, height = boxHeight } = graph.graph();
  return { boxes, direction, width, height };
}
