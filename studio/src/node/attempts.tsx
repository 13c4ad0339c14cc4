import type { AttemptView, NodeDetail } from "../api/source.ts";
import { dateTime, duration } from "../format.ts";
import { useNow } from "../ui/now.ts";
import { Status } from "../ui/status.tsx";
import { FailureView } from "./errors.tsx";

interface Outcome {
  readonly status: string;
  readonly text: string;
}

const outcomes: Readonly<Record<string, Outcome>> = {
  complete: { status: "finished", text: "Finished" },
  close: { status: "finished", text: "Finished" },
  fail: { status: "failed", text: "Failed" },
  expire: { status: "failed", text: "Lost its worker" },
  release: { status: "deferred", text: "Released its slot" },
  requeue: { status: "deferred", text: "Queued again" },
  supersede: { status: "cancelled", text: "Replaced" },
  confirm_cancelled: { status: "cancelled", text: "Cancelled" },
  pause: { status: "paused", text: "Paused" },
};

const outcomeOf = ({ outcome }: AttemptView): Outcome =>
  outcome === undefined
    ? { status: "running", text: "Running" }
    : (outcomes[outcome] ?? { status: "cancelled", text: outcome });

/** "Attempt 2", or with its shard if the node has several. */
export const attemptName = (
  { shard, epoch }: Pick<AttemptView, "shard" | "epoch">,
  { shards }: Pick<NodeDetail, "shards">,
): string => (shards.length > 1 ? `Attempt ${epoch} of shard ${shard}` : `Attempt ${epoch}`);

export function Attempts({ node }: { readonly node: NodeDetail }) {
  const { attempts } = node;
  const now = useNow();
  if (attempts.length === 0) {
    return (
      <p className="muted">
        {node.live.attempts > 0 ? "The attempts of this node are not kept here." : "No attempt has begun."}
      </p>
    );
  }
  return (
    <ol className="attempts">
      {attempts.toReversed().map((attempt) => {
        const { shard, epoch, startedAt, endedAt, workerId, reasonCode, message, failure } = attempt;
        const { status, text } = outcomeOf(attempt);
        return (
          <li key={`${shard} ${epoch}`}>
            <div className="attempt-head">
              <strong>{attemptName(attempt, node)}</strong>
              <Status status={status} bare />
              {status === "finished" || status === "running" || text === "Failed" ? null : <span>{text}</span>}
              {reasonCode === undefined ? null : <code>{reasonCode}</code>}
            </div>
            <p className="muted tabular">
              {dateTime(startedAt)}, {duration((endedAt ?? now) - startedAt)}
              {workerId === undefined ? null : (
                <>
                  {" "}
                  on <code>{workerId}</code>
                </>
              )}
            </p>
            {failure !== undefined ? (
              <FailureView failure={failure} />
            ) : message === undefined ? null : (
              <p className="failure-line">{message}</p>
            )}
          </li>
        );
      })}
    </ol>
  );
}
