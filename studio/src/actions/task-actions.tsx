import { useState } from "react";
import { type Task, useSource } from "../api/queries.ts";
import type { Outcome, Started, TaskAction } from "../api/source.ts";
import { plural } from "../format.ts";
import { hrefOf, navigate } from "../router.ts";
import { ActionDialog } from "./action-dialog.tsx";

export type TaskActionKind = TaskAction;

export interface TaskActionProps {
  readonly action: TaskActionKind;
  readonly task: Task;
  readonly onClose: () => void;
}

export function TaskActionDialog({ action, ...rest }: TaskActionProps) {
  switch (action) {
    case "cancel":
      return <CancelDialog {...rest} />;
    case "retry":
      return <RetryDialog {...rest} />;
    case "pause":
      return <PauseDialog {...rest} />;
    case "resume":
      return <ResumeDialog {...rest} />;
  }
}

type DialogProps = Omit<TaskActionProps, "action">;

const ended = "The run had already ended: nothing was changed.";

function CancelDialog({ task, onClose }: DialogProps) {
  const source = useSource();
  const [reason, setReason] = useState("");
  const { id } = task.detail;
  const open = task.live.nodes.filter(({ state }) => state === "running").length;
  const act = async () => {
    const body = reason.trim() === "" ? {} : { reason: reason.trim() };
    const { outcome } = await source.post<Outcome>(["tasks", id, "cancel"], body);
    if (outcome === "terminal") return ended;
    return outcome === "already" ? "The run is already being cancelled." : "The run is being cancelled.";
  };
  return (
    <ActionDialog title="Cancel this run?" confirm="Cancel the run" isDangerous onClose={onClose} act={act}>
      <p>
        {open === 0
          ? "No node is running: no other will start."
          : plural(
              open,
              "# running node is asked to stop, and no other will start.",
              "# running nodes are asked to stop, and no other will start.",
            )}{" "}
        What is stored stays, and the run can be retried later from there. Nodes that handle the outcome of others still
        run.
      </p>
      <div className="field">
        <label htmlFor="reason">Reason (optional)</label>
        <input id="reason" className="input" value={reason} onChange={(event) => setReason(event.target.value)} />
        <span className="hint">Shown with the run.</span>
      </div>
    </ActionDialog>
  );
}

function RetryDialog({ task, onClose }: DialogProps) {
  const source = useSource();
  const { id } = task.detail;
  const { nodes } = task.live;
  const finished = nodes.filter(({ state }) => state === "finished").length;
  const batches = nodes.reduce((sum, { state, batches: { done } }) => sum + (state === "finished" ? 0 : done), 0);
  const act = async () => {
    const { taskId } = await source.post<Started>(["tasks", id, "retry"], {});
    navigate(hrefOf(["runs", taskId]));
    return "The retry has started.";
  };
  return (
    <ActionDialog title="Retry this run?" confirm="Start the retry" onClose={onClose} act={act}>
      <p>A new run starts with the same graph and parameters; this one stays as it is.</p>
      <ul className="bullets">
        <li>
          {plural(
            finished,
            "# node that finished is taken over, and not run again.",
            "# nodes that finished are taken over, and not run again.",
          )}
        </li>
        <li>
          {batches === 0
            ? "The other nodes have stored no batch, so they start from the beginning."
            : plural(
                batches,
                "The other nodes continue after the # batch that they have stored.",
                "The other nodes continue after the # batches that they have stored.",
              )}
        </li>
      </ul>
    </ActionDialog>
  );
}

function PauseDialog({ task, onClose }: DialogProps) {
  const act = useSwitch(task, { action: "pause", done: "The run is paused.", already: "The run was already paused." });
  return (
    <ActionDialog title="Pause this run?" confirm="Pause the run" onClose={onClose} act={act}>
      <p>
        Batches that are being processed end and are stored; nothing new begins until the run is resumed. Its deadline
        and the time limits of signals keep running.
      </p>
    </ActionDialog>
  );
}

function ResumeDialog({ task, onClose }: DialogProps) {
  const act = useSwitch(task, { action: "resume", done: "The run continues.", already: "The run was not paused." });
  return (
    <ActionDialog title="Resume this run?" confirm="Resume the run" onClose={onClose} act={act}>
      <p>Its nodes continue after the batches that they have stored.</p>
    </ActionDialog>
  );
}

/** Pauses or resumes the task, and shows the outcome. */
function useSwitch(
  { detail: { id } }: Task,
  { action, done, already }: { readonly action: "pause" | "resume"; readonly done: string; readonly already: string },
): () => Promise<string> {
  const source = useSource();
  return async () => {
    const { outcome } = await source.post<Outcome>(["tasks", id, action], {});
    if (outcome === "terminal") return ended;
    return outcome === "already" ? already : done;
  };
}
