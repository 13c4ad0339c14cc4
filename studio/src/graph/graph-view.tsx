import {
  type Edge,
  MarkerType,
  MiniMap,
  type Node,
  Panel,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
} from "@xyflow/react";
import { memo, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { GraphView as Graph, TaskLive } from "../api/source.ts";
import { Icon } from "../ui/icon.tsx";
import { FlowEdge } from "./flow-edge.tsx";
import { FlowNode } from "./flow-node.tsx";
import { bestLayout, boxHeights, boxWidth } from "./layout.ts";
import { Legend } from "./legend.tsx";
import { type EdgeData, edgeId, type NodeData, type Shown, ShownProvider, ShownStore, useShown } from "./shown.ts";
import "@xyflow/react/dist/base.css";

const nodeTypes = { node: FlowNode };
const edgeTypes = { edge: FlowEdge };
/** Below this zoom, text is unreadable: nodes only show the icon of their state. */
const farZoom = 0.4;
/** From this number of nodes, a graph gets a minimap. */
const mapFrom = 30;

export interface GraphViewProps {
  readonly graph: Graph;
  /** @defaultValue none: only the graph */
  readonly live?: TaskLive;
  readonly selected?: string | undefined;
  /** The address that a click on a node leads to. */
  readonly hrefOf: (nodeId: string) => string;
}

/** A graph that can be zoomed, moved and fitted. With the state of a task, each node and edge shows its own. */
export function GraphView(props: GraphViewProps) {
  const { graph, live, selected, hrefOf } = props;
  const shown = useMemo(
    (): Shown => ({
      at: live?.at ?? 0,
      nodes: new Map(live?.nodes.map((node) => [node.nodeId, node])),
      edges: new Map(live?.edges.map((edge) => [edgeId(edge), edge])),
      bottleneck: live?.bottleneck,
      selected,
      hrefOf,
    }),
    [live, selected, hrefOf],
  );
  const [store] = useState(() => new ShownStore(shown));
  useLayoutEffect(() => store.set(shown), [store, shown]);
  return (
    <ShownProvider value={store}>
      <ReactFlowProvider>
        <Drawing graph={graph} hasStates={live !== undefined} />
      </ReactFlowProvider>
    </ShownProvider>
  );
}

interface Size {
  readonly width: number;
  readonly height: number;
}

interface DrawingProps {
  readonly graph: Graph;
  readonly hasStates: boolean;
}

/**
 * The direction of the graph depends on the initial size of its container; later it is only fitted into it. Not
 * rendered again when states change.
 */
const Drawing = memo(function Drawing({ graph, hasStates }: DrawingProps) {
  const place = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<Size>();
  useLayoutEffect(() => {
    const { clientWidth: width = 0, clientHeight: height = 0 } = place.current ?? {};
    setSize({ width, height });
  }, []);
  return (
    <div className="graph" ref={place} data-nodes={graph.nodes.length}>
      {size === undefined ? null : <Flow graph={graph} size={size} hasStates={hasStates} />}
    </div>
  );
});

function Flow(props: DrawingProps & { readonly size: Size }) {
  const { graph, size, hasStates } = props;
  const boxHeight = hasStates ? boxHeights.withCounts : boxHeights.alone;
  const { nodes, edges, whole } = useMemo(() => elementsOf(graph, size, boxHeight), [graph, size, boxHeight]);
  const { fitView } = useReactFlow();
  const width = useStore((store) => store.width);
  const isFar = useStore(({ transform }) => transform[2] < farZoom);
  useEffect(() => {
    // The width changes when a panel beside the graph is opened or closed.
    if (width > 0) void fitView(fit);
  }, [fitView, width]);
  return (
    <ReactFlow
      className={isFar ? "far" : ""}
      nodes={nodes}
      edges={edges}
      nodeTypes={nodeTypes}
      edgeTypes={edgeTypes}
      nodesDraggable={false}
      nodesConnectable={false}
      nodesFocusable={false}
      edgesFocusable={false}
      elementsSelectable={false}
      onlyRenderVisibleElements={nodes.length > 100}
      minZoom={0.01}
      maxZoom={2}
      fitView
      fitViewOptions={fit}
    >
      {nodes.length > mapFrom ? <SmallMap whole={whole} /> : null}
      <Controls />
      <Legend graph={graph} hasStates={hasStates} />
    </ReactFlow>
  );
}

const fit = { padding: 0.08, maxZoom: 1.1 } as const;

function elementsOf(
  graph: Graph,
  size: Size,
  boxHeight: number,
): { readonly nodes: Node<NodeData>[]; readonly edges: Edge[]; readonly whole: Size } {
  const { boxes, direction, width, height } = bestLayout(graph, size, boxHeight);
  const [sourcePosition, targetPosition] =
    direction === "LR" ? [Position.Right, Position.Left] : [Position.Bottom, Position.Top];
  const nodes = graph.nodes.map((node) => ({
    id: node.id,
    type: "node",
    position: boxes.get(node.id) ?? { x: 0, y: 0 },
    width: boxWidth,
    height: boxHeight,
    sourcePosition,
    targetPosition,
    data: { node } satisfies NodeData,
  }));
  const edges = graph.edges.map((edge) => ({
    id: edgeId(edge),
    source: edge.from,
    target: edge.to,
    type: "edge",
    markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16, color: "var(--edge)" },
    data: { edge } satisfies EdgeData,
  }));
  return { nodes, edges, whole: { width, height } };
}

/** A minimap, shown when a part of the graph is out of view. */
function SmallMap({ whole }: { readonly whole: Size }) {
  const isPart = useStore(
    ({ width, height, transform: [, , zoom] }) => whole.width * zoom > width || whole.height * zoom > height,
  );
  // Rendered again when the state of a node has changed, not for each batch.
  const text = useShown(({ nodes }) => JSON.stringify([...nodes.values()].map(({ nodeId, state }) => [nodeId, state])));
  const classOf = useMemo(() => {
    const states = new Map<string, string>(JSON.parse(text));
    return ({ id }: Node) => `map-${states.get(id) ?? "none"}`;
  }, [text]);
  if (!isPart) return null;
  return <MiniMap ariaLabel="Small map of the graph" pannable zoomable nodeClassName={classOf} />;
}

function Controls() {
  const { zoomIn, zoomOut, fitView } = useReactFlow();
  const zoom = useStore(({ transform }) => transform[2]);
  return (
    <Panel position="bottom-left" className="graph-controls">
      <button type="button" className="button icon" aria-label="Zoom in" onClick={() => void zoomIn()}>
        <Icon name="plus" />
      </button>
      <button type="button" className="button icon" aria-label="Zoom out" onClick={() => void zoomOut()}>
        <Icon name="minus" />
      </button>
      <button type="button" className="button icon" aria-label="Fit the graph" onClick={() => void fitView(fit)}>
        <Icon name="fit" />
      </button>
      <span className="muted tabular">{Math.round(100 * zoom)} %</span>
    </Panel>
  );
}
