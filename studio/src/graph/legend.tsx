import { Panel } from "@xyflow/react";
import { useState } from "react";
import type { GraphView } from "../api/source.ts";
import { Icon } from "../ui/icon.tsx";
import { Status } from "../ui/status.tsx";

const edges = {
  data: "starts when its parent has finished, and reads it",
  stream: "starts with the first batch",
  order: "only waits for its parent",
} as const;

const kinds = {
  source: "source",
  handler: "handler",
  function: "coordinator function",
  flow: "runs a flow for each batch",
  wait: "waits for a signal",
} as const;

const states = ["queued", "running", "deferred", "paused", "finished", "failed", "cancelled", "skipped"] as const;

/** The meaning of the shapes and lines of this graph. */
export function Legend({ graph, hasStates }: { readonly graph: GraphView; readonly hasStates: boolean }) {
  const [isOpen, setOpen] = useState(false);
  const usedKinds = new Set(graph.nodes.map(({ kind }) => kind));
  const usedEdges = new Set(graph.edges.map(({ kind }) => kind));
  return (
    <Panel position="top-right" className="legend">
      <button type="button" className="button quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name="info" />
        Legend
      </button>
      {isOpen ? (
        <dl>
          {Object.entries(kinds).map(([kind, text]) =>
            usedKinds.has(kind as keyof typeof kinds) ? (
              <div key={kind}>
                <dt>
                  <span className={`swatch kind-${kind}`} />
                </dt>
                <dd>{text}</dd>
              </div>
            ) : null,
          )}
          {Object.entries(edges).map(([kind, text]) =>
            usedEdges.has(kind as keyof typeof edges) ? (
              <div key={kind}>
                <dt>
                  <svg width="28" height="8" aria-hidden="true">
                    <path className={`edge edge-${kind}`} d="M0 4h28" />
                  </svg>
                </dt>
                <dd>{text}</dd>
              </div>
            ) : null,
          )}
          {hasStates
            ? states.map((state) => (
                <div key={state}>
                  <dt />
                  <dd>
                    <Status status={state} bare />
                  </dd>
                </div>
              ))
            : null}
        </dl>
      ) : null}
    </Panel>
  );
}
