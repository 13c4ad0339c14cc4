import { useState } from "react";
import { TaskActionDialog, type TaskActionKind } from "../actions/task-actions.tsx";
import { type Task, useSource } from "../api/queries.ts";
import type { Failure, TaskAction } from "../api/source.ts";
import { dateTime, duration, waitingText } from "../format.ts";
import { hrefOf, useRoute, withQuery } from "../router.ts";
import { Copy } from "../ui/copy.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { useNow } from "../ui/now.ts";
import { Note, Status } from "../ui/status.tsx";
import { ThemeButton } from "../ui/theme-button.tsx";

const buttons: readonly { readonly action: TaskAction; readonly label: string; readonly icon: IconName }[] = [
  { action: "retry", label: "Retry", icon: "retry" },
  { action: "pause", label: "Pause", icon: "paused" },
  { action: "resume", label: "Resume", icon: "play" },
  { action: "cancel", label: "Cancel", icon: "stop" },
];

export function RunHead({ task, canAct }: { readonly task: Task; readonly canAct: boolean }) {
  const { detail, live } = task;
  const { isReport } = useSource();
  const now = useNow();
  const [asked, setAsked] = useState<TaskActionKind>();
  const { id, flow, createdAt, startsAt, deadlineAt } = detail;
  const { state, endedAt, actions, waiting } = live;
  const isPlanned = startsAt !== undefined && startsAt > now && endedAt === undefined;
  return (
    <>
      <header className="page-head">
        {isReport ? null : (
          <a className="button quiet icon" href={hrefOf(["runs"])} aria-label="Back to the runs">
            <Icon name="back" />
          </a>
        )}
        <h1>{flow ?? "Run"}</h1>
        <Status
          status={isPlanned ? "queued" : state}
          text={isPlanned || waiting === undefined ? undefined : waitingText(waiting, new Date(now).toDateString())}
        />
        <span className="run-id">
          <code className="muted">{id}</code>
          <Copy text={id} label="run's id" />
        </span>
        <span className="muted tabular">
          {dateTime(createdAt)}
          {isPlanned ? null : ` · ${duration((endedAt ?? live.at ?? now) - createdAt)}`}
        </span>
        {isPlanned ? <span className="muted tabular">Starts at {dateTime(startsAt)}</span> : null}
        {deadlineAt === undefined || endedAt !== undefined ? null : (
          <span className="muted tabular">Deadline: {dateTime(deadlineAt)}</span>
        )}
        <Origins task={task} />
        {isReport ? (
          <div className="actions">
            <ThemeButton />
          </div>
        ) : null}
        {canAct ? (
          <div className="actions">
            {buttons.map(({ action, label, icon }) =>
              actions.includes(action) ? (
                <button
                  key={action}
                  type="button"
                  className={`button ${action === "cancel" ? "danger" : ""}`}
                  onClick={() => setAsked(action)}
                >
                  <Icon name={icon} />
                  {label}
                </button>
              ) : null,
            )}
          </div>
        ) : null}
      </header>
      <Failures task={task} />
      {asked === undefined ? null : <TaskActionDialog action={asked} task={task} onClose={() => setAsked(undefined)} />}
    </>
  );
}

/** Links to the tasks that it originates from. */
function Origins({ task: { detail } }: { readonly task: Task }) {
  const { retryOf, parent } = detail;
  const { isReport } = useSource();
  if (isReport) return null;
  return (
    <>
      {retryOf === undefined ? null : <a href={hrefOf(["runs", retryOf])}>Retry of {retryOf}</a>}
      {parent === undefined ? null : (
        <a href={hrefOf(["runs", parent.taskId], { node: parent.nodeId })}>
          Run by '{parent.nodeId}' of {parent.taskId}
        </a>
      )}
    </>
  );
}

function Failures({ task: { live } }: { readonly task: Task }) {
  const { failure, laterFailures = [], cancelReason } = live;
  if (failure === undefined && cancelReason === undefined) return null;
  return (
    <Note
      tone={failure === undefined ? "quiet" : "failed"}
      icon={failure === undefined ? "cancelled" : "failed"}
      className="banner"
    >
      {failure === undefined ? <span>Cancelled: {cancelReason}</span> : <FailureLine failure={failure} />}
      {laterFailures.map((later) => (
        <div key={`${later.nodeId} ${later.shard} ${later.epoch}`}>
          <FailureLine failure={later} />
        </div>
      ))}
    </Note>
  );
}

function FailureLine({ failure: { nodeId, reasonCode, message, batchUid } }: { readonly failure: Failure }) {
  const route = useRoute();
  return (
    <>
      <code>{reasonCode}</code> {message}{" "}
      {nodeId === undefined ? null : (
        <a href={withQuery(route, { node: nodeId, section: "errors" })}>
          {batchUid === undefined ? `Look into '${nodeId}'` : `Look into '${nodeId}', batch '${batchUid}'`}
        </a>
      )}
    </>
  );
}
