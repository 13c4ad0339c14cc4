import { useLineage } from "../api/queries.ts";
import type { BatchRef, LineageStep } from "../api/source.ts";
import type { LinkTo } from "../router.ts";
import { Problem } from "../ui/problem.tsx";
import { StatusIcon } from "../ui/status.tsx";

/** The batches that a batch was made from, up to the sources, and those that were made from it. */
export function LineageView(props: {
  readonly id: string;
  readonly batch: { readonly nodeId: string; readonly shard: number; readonly seq: number };
  readonly linkTo: LinkTo;
}) {
  const { id, batch, linkTo } = props;
  const { data, error } = useLineage(id, batch);
  if (error !== null) return <Problem error={error} />;
  if (data === undefined) return <p className="muted">Loading…</p>;
  const { up, down, incomplete } = data;
  return (
    <section className="lineage" aria-label="Lineage">
      <h3>Upstream: what it was made from</h3>
      <Steps steps={up.toReversed()} none="It was produced here." linkTo={linkTo} />
      <h3>Downstream: what was made from it</h3>
      <Steps steps={down} none="Nothing has been made from it." linkTo={linkTo} />
      {incomplete ? (
        <p className="muted">There may be more: a log was too long to search, or has been dropped.</p>
      ) : null}
    </section>
  );
}

function Steps(props: { readonly steps: readonly LineageStep[]; readonly none: string; readonly linkTo: LinkTo }) {
  const { steps, none, linkTo } = props;
  if (steps.length === 0) return <p className="muted">{none}</p>;
  return (
    <ol>
      {steps.map((step) => (
        <li key={`${step.nodeId} ${step.shard} ${step.seq}`} className={step.failed ? "tone-failed" : "tone-finished"}>
          <span className="toned">
            <StatusIcon status={step.failed ? "failed" : "finished"} />
          </span>
          <a href={linkTo(step.nodeId)}>{step.nodeId}</a>
          <code className="muted">{nameOf(step)}</code>
          {step.failed ? <span className="toned">failed</span> : null}
        </li>
      ))}
    </ol>
  );
}

const nameOf = ({ uid, shard, seq }: BatchRef): string => uid ?? `batch ${seq} of shard ${shard}`;
