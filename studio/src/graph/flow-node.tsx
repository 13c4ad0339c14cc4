import { Handle, type Node, type NodeProps } from "@xyflow/react";
import { memo } from "react";
import type { GraphNodeView, NodeLive } from "../api/source.ts";
import { plural } from "../format.ts";
import { Icon } from "../ui/icon.tsx";
import { Status } from "../ui/status.tsx";
import { type NodeData, useShown } from "./shown.ts";

export function FlowNode(props: NodeProps<Node<NodeData>>) {
  const { id, data, sourcePosition, targetPosition } = props;
  const live = useShown(({ nodes }) => nodes.get(id));
  const isBottleneck = useShown(({ bottleneck }) => bottleneck === id);
  const isSelected = useShown(({ selected }) => selected === id);
  const hrefOf = useShown((shown) => shown.hrefOf);
  return (
    <>
      {targetPosition === undefined ? null : <Handle type="target" position={targetPosition} isConnectable={false} />}
      <Card
        node={data.node}
        {...(live === undefined ? {} : { live })}
        isBottleneck={isBottleneck}
        isSelected={isSelected}
        href={hrefOf(id)}
      />
      {sourcePosition === undefined ? null : <Handle type="source" position={sourcePosition} isConnectable={false} />}
    </>
  );
}

interface CardProps {
  readonly node: GraphNodeView;
  readonly live?: NodeLive;
  readonly isBottleneck: boolean;
  readonly isSelected: boolean;
  readonly href: string;
}

/** Rendered again only if its own state has changed. */
const Card = memo(function Card({ node, live, isBottleneck, isSelected, href }: CardProps) {
  const { id, type, kind, partitions } = node;
  return (
    <a
      className={`card kind-${kind} state-${live?.state ?? "none"} ${isSelected ? "selected" : ""} nodrag nopan`}
      href={href}
      aria-current={isSelected ? "true" : undefined}
      data-node={id}
      data-state={live?.state}
    >
      <span className="card-head">
        <span className="card-name truncate">{id}</span>
        {partitions > 1 ? <span className="card-partitions">×{partitions}</span> : null}
        {live === undefined ? null : <Status status={live.state} bare />}
      </span>
      <span className="card-type truncate">{type === id ? kinds[kind] : type}</span>
      {live === undefined ? null : <Counts live={live} />}
      {isBottleneck ? (
        <span className="card-bottleneck">
          <Icon name="bottleneck" />
          Bottleneck
        </span>
      ) : null}
    </a>
  );
});

const kinds: Readonly<Record<GraphNodeView["kind"], string>> = {
  source: "source",
  handler: "handler",
  function: "coordinator function",
  flow: "flow for each batch",
  wait: "waits for a signal",
};

function Counts({ live }: { readonly live: NodeLive }) {
  const { done, pending = 0, retrying } = live.batches;
  const failed = live.batches.failed + (live.failure?.batchUid === undefined ? 0 : 1); // the one that failed the node
  const total = done + pending + failed + retrying;
  return (
    <>
      <span className="card-counts tabular">
        <span title={plural(done, "# batch stored", "# batches stored")}>{plural(done, "# done", "# done")}</span>
        {pending > 0 ? (
          <span title={plural(pending, "# batch waits", "# batches wait")}>
            {plural(pending, "# pending", "# pending")}
          </span>
        ) : null}
        {retrying > 0 ? (
          <span className="tone-waiting toned">{plural(retrying, "# retrying", "# retrying")}</span>
        ) : null}
        {failed > 0 ? <span className="tone-failed toned">{plural(failed, "# failed", "# failed")}</span> : null}
      </span>
      <span className="card-bar" aria-hidden="true">
        {total === 0 ? null : (
          <>
            <span className="bar-done" style={{ flexGrow: done }} />
            <span className="bar-failed" style={{ flexGrow: failed + retrying }} />
            <span style={{ flexGrow: pending }} />
          </>
        )}
      </span>
    </>
  );
}
