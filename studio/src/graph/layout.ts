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
/** With the counts of batches, and without. */
export const boxHeights = { withCounts: 74, alone: 50 } as const;
/** Of a label; a longer one is cut. */
const letterWidth = 6.8;
const longestLabel = 190;
/** Above this number, one layout has to do: each takes a noticeable time. */
const mostCompared = 150;

/** In the direction in which the graph can be drawn larger in a place of this size. */
export function bestLayout(
  graph: GraphView,
  { width, height }: Pick<Layout, "width" | "height">,
  boxHeight: number,
): Layout {
  const scaleOf = (layout: Layout) => Math.min(width / layout.width, height / layout.height);
  const across = layOut(graph, "LR", boxHeight);
  if (graph.nodes.length > mostCompared) return across;
  const down = layOut(graph, "TB", boxHeight);
  return scaleOf(down) > scaleOf(across) && scaleOf(across) < 1 ? down : across;
}

function layOut({ nodes, edges }: GraphView, direction: Direction, boxHeight: number): Layout {
  const graph = new Graph();
  graph.setGraph({
    rankdir: direction,
    // Between nodes beside each other, the labels of edges need a place.
    ranksep: direction === "LR" ? 84 : 44,
    nodesep: 26,
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
