import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps, getBezierPath, Position } from "@xyflow/react";
import type { NodeState } from "../api/source.ts";
import { plural, rate } from "../format.ts";
import { type EdgeData, type Shown, useShown } from "./shown.ts";

export function FlowEdge(props: EdgeProps<Edge<EdgeData>>) {
  const { id, source, target, data, markerEnd, sourcePosition } = props;
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
            {text === undefined ? null : (
              <span
                className={label === undefined && sourcePosition === Position.Right ? "traffic stacked" : "traffic"}
              >
                {text.split("\n").map((each) => (
                  <span key={each}>{each}</span>
                ))}
              </span>
            )}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
}

const openStates: ReadonlySet<NodeState> = new Set(["queued", "running", "deferred", "paused"]);

/** A line with the current rate of the edge, and one with its backlog; `undefined` if it has neither. */
function trafficOf(
  { at, nodes, edges }: Shown,
  { id, source, target }: { readonly id: string; readonly source: string; readonly target: string },
): string | undefined {
  const live = edges.get(id);
  const [from, to] = [nodes.get(source), nodes.get(target)];
  if (live === undefined || from === undefined || to === undefined) return undefined;
  const { backlog = 0, read } = live;
  const readMs = to.state === "running" && to.startedAt !== undefined ? Math.max(1_000, at - to.startedAt) : 0;
  const perSecond =
    readMs > 0 && read !== undefined ? read / (readMs / 1_000) : from.state === "running" ? from.rate : 0;
  const waits = openStates.has(to.state)
    ? plural(backlog, "# waiting", "# waiting")
    : plural(backlog, "# not read", "# not read");
  const lines = [...(perSecond ? [rate(perSecond)] : []), ...(backlog === 0 ? [] : [waits])];
  return lines.length === 0 ? undefined : lines.join("\n");
}
