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
export const boxHeight = 74;
/** Above this number, one layout has to do: each takes a noticeable time. */
const mostCompared = 150;

/** In the direction in which the graph can be drawn larger in a place of this size. */
export function bestLayout(graph: GraphView, { width, height }: Pick<Layout, "width" | "height">): Layout {
  const scaleOf = (layout: Layout) => Math.min(width / layout.width, height / layout.height);
  const across = layOut(graph, "LR");
  if (graph.nodes.length > mostCompared) return across;
  const down = layOut(graph, "TB");
  return scaleOf(down) > scaleOf(across) && scaleOf(across) < 1 ? down : across;
}

function layOut({ nodes, edges }: GraphView, direction: Direction): Layout {
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
  for (const { from, to } of edges) graph.setEdge(from, to);
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
