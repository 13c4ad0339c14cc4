import { useState } from "react";
import { type Task, useSource } from "../api/queries.ts";
import type { Json, NodeAction, NodeDetail, Outcome, Started } from "../api/source.ts";
import { plural } from "../format.ts";
import { hrefOf, navigate } from "../router.ts";
import { ActionDialog } from "./action-dialog.tsx";
import { SchemaForm, useSchemaForm } from "./schema-form.tsx";

export interface NodeActionProps {
  readonly task: Task;
  readonly node: NodeDetail;
  readonly onClose: () => void;
}

export function NodeActionDialog({ action, ...rest }: NodeActionProps & { readonly action: NodeAction }) {
  return action === "signal" ? <SignalDialog {...rest} /> : <RetryBatchesDialog {...rest} />;
}

function SignalDialog({ task, node, onClose }: NodeActionProps) {
  const source = useSource();
  const form = useSchemaForm(node.signalSchema ?? {});
  const [sent, setSent] = useState(false);
  const act = async () => {
    setSent(true);
    const payload: Json = form.value();
    const { outcome } = await source.post<Outcome>(["tasks", task.detail.id, "nodes", node.nodeId, "signal"], {
      payload,
    });
    if (outcome === "terminal")
      return "The run is ending, or the time to wait has passed: the signal was not accepted.";
    return outcome === "already" ? "Another signal arrived first, and counts." : "The signal was accepted.";
  };
  return (
    <ActionDialog title={`Send signal '${node.nodeId}'?`} confirm="Send the signal" onClose={onClose} act={act}>
      <p>The node stores this payload as its output, and the nodes after it continue. Only the first signal counts.</p>
      <SchemaForm form={form} showErrors={sent} />
    </ActionDialog>
  );
}

function RetryBatchesDialog({ task, node, onClose }: NodeActionProps) {
  const source = useSource();
  const { failed } = node.live.batches;
  const act = async () => {
    const path = ["tasks", task.detail.id, "nodes", node.nodeId, "retry-batches"];
    const { taskId } = await source.post<Started>(path, {});
    navigate(hrefOf(["runs", taskId]));
    return "The retry of the failed batches has started.";
  };
  return (
    <ActionDialog
      title={`Retry the failed batches of '${node.nodeId}'?`}
      confirm="Start the retry"
      onClose={onClose}
      act={act}
    >
      <p>
        {plural(
          failed,
          "A new run processes # batch that was set aside again, and what depends on it.",
          "A new run processes # batches that were set aside again, and what depends on them.",
        )}{" "}
        Everything else is taken over from this run, which stays as it is.
      </p>
    </ActionDialog>
  );
}
