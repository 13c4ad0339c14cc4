import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps, getBezierPath } from "@xyflow/react";
import type { EdgeLive } from "../api/source.ts";
import { number, rate } from "../format.ts";
import { type EdgeData, useShown } from "./shown.ts";

export function FlowEdge(props: EdgeProps<Edge<EdgeData>>) {
  const { id, source, target, data, markerEnd } = props;
  const { nodes, edges } = useShown();
  const [path, labelX, labelY] = getBezierPath(props);
  const live = edges.get(id);
  const moves = nodes.get(source)?.state === "running" || nodes.get(target)?.state === "running";
  const text = live === undefined ? undefined : trafficOf(live, moves ? nodes.get(source)?.rate : undefined);
  const { kind = "data", label } = data?.edge ?? {};
  return (
    <>
      <BaseEdge
        id={id}
        path={path}
        className={`edge edge-${kind}`}
        {...(markerEnd === undefined ? {} : { markerEnd })}
      />
      {label === undefined && text === undefined ? null : (
        <EdgeLabelRenderer>
          <span
            className="edge-label nodrag nopan"
            style={{ transform: `translate(-50%, -50%) translate(${labelX}px, ${labelY}px)` }}
          >
            {label === undefined ? null : <span className="edge-when">{label}</span>}
            {text === undefined ? null : <span className="tabular">{text}</span>}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
}

/** What flows along it now, and what waits at its end; nothing if it is quiet. */
function trafficOf({ backlog = 0 }: EdgeLive, perSecond: number | undefined): string | undefined {
  const parts = [
    ...(perSecond === undefined || perSecond === 0 ? [] : [rate(perSecond)]),
    ...(backlog === 0 ? [] : [`${number(backlog)} waiting`]),
  ];
  return parts.length === 0 ? undefined : parts.join(" · ");
}
