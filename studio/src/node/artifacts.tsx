import { useState } from "react";
import { useArtifacts, useSource } from "../api/queries.ts";
import type { ArtifactView, NodeDetail } from "../api/source.ts";
import { compact, number, plural } from "../format.ts";
import type { LinkTo } from "../router.ts";
import { Icon } from "../ui/icon.tsx";
import { JsonTree } from "../ui/json-tree.tsx";
import { Problem } from "../ui/problem.tsx";
import { Input, Tries } from "./errors.tsx";
import { LineageView } from "./lineage.tsx";

/** The artifacts of the node, page by page. */
export function Artifacts(props: { readonly id: string; readonly node: NodeDetail; readonly linkTo: LinkTo }) {
  const { id, node, linkTo } = props;
  const { isReport } = useSource();
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useArtifacts(id, node.nodeId);
  const artifacts = data?.pages.flatMap(({ items }) => items) ?? [];
  const stored = data?.pages.at(-1)?.stored ?? 0;
  if (data !== undefined && stored === 0) return <p className="muted">Nothing is stored yet.</p>;
  return (
    <section className="section">
      <p className="muted tabular" data-testid="stored">
        {plural(stored, "# artifact is stored", "# artifacts are stored")};{" "}
        {plural(artifacts.length, "# shown", "# shown")}
      </p>
      {error === null ? null : <Problem error={error} />}
      <ol className="batches">
        {artifacts.map((artifact) => (
          <li key={`${artifact.shard} ${artifact.seq}`}>
            <ArtifactRow id={id} node={node} artifact={artifact} linkTo={linkTo} />
          </li>
        ))}
      </ol>
      {hasNextPage ? (
        <button type="button" className="button" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Show more artifacts
        </button>
      ) : null}
      {isReport && stored > artifacts.length ? (
        <p className="muted">
          {artifacts.length === 0
            ? "The artifacts are left out, so that the report stays small."
            : "The other artifacts are left out, so that the report stays small."}
        </p>
      ) : null}
    </section>
  );
}

interface RowProps {
  readonly id: string;
  readonly node: NodeDetail;
  readonly artifact: ArtifactView;
  readonly linkTo: LinkTo;
}

function ArtifactRow({ id, node, artifact, linkTo }: RowProps) {
  const [isOpen, setOpen] = useState(false);
  const { uid, shard, seq, failure, output } = artifact;
  return (
    <>
      <button type="button" className="batch-toggle" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name="chevron" className={isOpen ? "turned" : ""} />
        <span className="muted tabular batch-seq">{node.shards.length > 1 ? `${shard}/${seq}` : seq}</span>
        <code className="batch-uid truncate">{uid}</code>
        {failure === undefined ? (
          <code className="muted truncate">{isOpen ? "" : (output.start ?? compact(output.value, 100))}</code>
        ) : (
          <span className="tone-failed toned truncate">set aside: {failure.reasonCode}</span>
        )}
      </button>
      {isOpen ? <Opened id={id} node={node} artifact={artifact} linkTo={linkTo} /> : null}
    </>
  );
}

function Opened({ id, node, artifact, linkTo }: RowProps) {
  const { shard, seq, epoch, failure, output, metrics } = artifact;
  const { isReport } = useSource();
  const [isAsked, setAsked] = useState(false);
  const metricNames = Object.keys(metrics);
  return (
    <div className="batch-open">
      {failure === undefined ? null : (
        <>
          <p>
            <code>{failure.reasonCode}</code> {failure.message}
          </p>
          <Tries count={failure.tries} />
        </>
      )}
      {failure !== undefined ? null : output.start === undefined && output.missing === undefined ? (
        <JsonTree value={output.value} />
      ) : (
        <Input input={output} />
      )}
      <p className="muted">
        Stored by attempt {epoch}
        {metricNames.length === 0 ? "." : "; metrics:"} <Metrics metrics={metrics} />
      </p>
      {isReport ? null : isAsked ? (
        <LineageView id={id} batch={{ nodeId: node.nodeId, shard, seq }} linkTo={linkTo} />
      ) : (
        <button type="button" className="button" onClick={() => setAsked(true)}>
          Show its lineage
        </button>
      )}
    </div>
  );
}

function Metrics({ metrics }: Pick<ArtifactView, "metrics">) {
  return Object.entries(metrics).map(([name, value]) => (
    <code key={name} className="metric">
      {name} {number(value)}
    </code>
  ));
}
