import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps, getBezierPath } from "@xyflow/react";
import { plural, rate } from "../format.ts";
import { type EdgeData, type Shown, useShown } from "./shown.ts";

export function FlowEdge(props: EdgeProps<Edge<EdgeData>>) {
  const { id, source, target, data, markerEnd } = props;
  const [path, labelX, labelY] = getBezierPath(props);
  const text = useShown((shown) => trafficOf(shown, { id, source, target }));
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
function trafficOf(
  { nodes, edges }: Shown,
  { id, source, target }: { readonly id: string; readonly source: string; readonly target: string },
): string | undefined {
  const live = edges.get(id);
  if (live === undefined) return undefined;
  const { backlog = 0 } = live;
  const moves = nodes.get(source)?.state === "running" || nodes.get(target)?.state === "running";
  const perSecond = moves ? nodes.get(source)?.rate : undefined;
  const parts = [
    ...(perSecond === undefined || perSecond === 0 ? [] : [rate(perSecond)]),
    ...(backlog === 0 ? [] : [plural(backlog, "# waiting", "# waiting")]),
  ];
  return parts.length === 0 ? undefined : parts.join(" · ");
}
