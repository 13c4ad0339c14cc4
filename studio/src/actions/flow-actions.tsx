import { useQueryClient } from "@tanstack/react-query";
import { useSource } from "../api/queries.ts";
import type { FlowRow, Outcome } from "../api/source.ts";
import { ActionDialog } from "./action-dialog.tsx";

/** Pauses a flow, or resumes it if it is paused. */
export function FlowActionDialog({ flow, onClose }: { readonly flow: FlowRow; readonly onClose: () => void }) {
  const source = useSource();
  const client = useQueryClient();
  const { name, paused } = flow;
  const act = async () => {
    await source.post<Outcome>(["flows", name, paused ? "resume" : "pause"], {});
    await client.invalidateQueries({ queryKey: ["flow", name] });
    await client.invalidateQueries({ queryKey: ["flows"] });
    return paused ? "The flow is resumed." : "The flow is paused.";
  };
  return paused ? (
    <ActionDialog title={`Resume ${name}?`} confirm="Resume the flow" onClose={onClose} act={act}>
      <p>The waiting runs begin.</p>
    </ActionDialog>
  ) : (
    <ActionDialog title={`Pause ${name}?`} confirm="Pause the flow" onClose={onClose} act={act}>
      <p>Its runs that have not begun wait until it is resumed. Runs that have begun continue.</p>
    </ActionDialog>
  );
}
