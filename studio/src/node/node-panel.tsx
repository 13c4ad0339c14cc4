import { useEffect, useRef, useState } from "react";
import { NodeActionDialog } from "../actions/node-actions.tsx";
import { type Task, useInfo, useNode, useSource } from "../api/queries.ts";
import type { NodeAction, NodeLive } from "../api/source.ts";
import type { LinkTo } from "../router.ts";
import { useRoute, withQuery } from "../router.ts";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Problem } from "../ui/problem.tsx";
import { Region } from "../ui/region.tsx";
import { Status } from "../ui/status.tsx";
import { Tabs } from "../ui/tabs.tsx";
import { Artifacts } from "./artifacts.tsx";
import { Attempts } from "./attempts.tsx";
import { Errors } from "./errors.tsx";
import { Logs } from "./logs.tsx";
import { Overview } from "./overview.tsx";
import { Schemas } from "./schemas.tsx";

const sections = [
  { id: "overview", label: "Overview" },
  { id: "attempts", label: "Attempts" },
  { id: "errors", label: "Errors" },
  { id: "logs", label: "Logs" },
  { id: "artifacts", label: "Artifacts" },
  { id: "schemas", label: "Schemas" },
] as const;

const buttons: readonly { readonly action: NodeAction; readonly label: string; readonly icon: IconName }[] = [
  { action: "signal", label: "Send the signal", icon: "signal" },
  { action: "retryBatches", label: "Retry failed batches", icon: "retry" },
];

export interface NodePanelProps {
  readonly task: Task;
  readonly nodeId: string;
  readonly linkTo: LinkTo;
  readonly onClose: () => void;
}

/** Everything about one node of a run, beside the graph; over it on a narrow screen. */
export function NodePanel({ task, nodeId, linkTo, onClose }: NodePanelProps) {
  const { id } = task.detail;
  const route = useRoute();
  const { isReport } = useSource();
  const { data: info } = useInfo();
  const { data: node, error } = useNode(id, nodeId);
  const [asked, setAsked] = useState<NodeAction>();
  const live = task.live.nodes.find((each) => each.nodeId === nodeId);
  const section = sections.find((each) => each.id === route.query.get("section"))?.id ?? "overview";
  const canAct = info?.readOnly === false && !isReport;
  const possible = canAct ? buttons.filter(({ action }) => node?.actions.includes(action)) : [];
  useCloseOnEscape(onClose);
  const panel = useFocus(nodeId);
  return (
    <aside className="node-panel" aria-label={`Node ${nodeId}`} ref={panel} tabIndex={-1}>
      <header className="page-head">
        <h2 className="truncate">{nodeId}</h2>
        {live === undefined ? null : <Status status={live.state} />}
        {node === undefined || node.type === nodeId ? null : <code className="muted">{node.type}</code>}
        <button type="button" className="button quiet icon close" aria-label="Close the node" onClick={onClose}>
          <Icon name="close" />
        </button>
        {possible.length === 0 ? null : (
          <div className="row-actions">
            {possible.map(({ action, label, icon }) => (
              <button key={action} type="button" className="button" onClick={() => setAsked(action)}>
                <Icon name={icon} />
                {label}
              </button>
            ))}
          </div>
        )}
      </header>
      <Tabs
        label="Views of the node"
        current={section}
        tabs={sections.map((each) => ({
          id: each.id,
          label: labelOf(each, live),
          href: withQuery(route, { section: each.id === "overview" ? undefined : each.id, uid: undefined }),
        }))}
      />
      {error === null ? null : <Problem error={error} className="banner" />}
      <Region label="Details of the node" className="padded">
        {node === undefined && error === null ? <p className="muted">Loading…</p> : null}
        {node === undefined || live === undefined ? null : (
          <>
            {section === "overview" ? <Overview task={task} node={node} live={live} linkTo={linkTo} /> : null}
            {section === "attempts" ? <Attempts node={node} /> : null}
            {section === "errors" ? <Errors id={id} node={node} live={live} /> : null}
            {section === "logs" ? <Logs task={task} node={node} /> : null}
            {section === "artifacts" ? <Artifacts id={id} node={node} linkTo={linkTo} /> : null}
            {section === "schemas" ? <Schemas node={node} /> : null}
          </>
        )}
      </Region>
      {asked === undefined || node === undefined ? null : (
        <NodeActionDialog action={asked} task={task} node={node} onClose={() => setAsked(undefined)} />
      )}
    </aside>
  );
}

function labelOf({ id, label }: (typeof sections)[number], live: NodeLive | undefined): string {
  if (live === undefined) return label;
  const { batches, failure, attempts } = live;
  const count = {
    errors: batches.failed + (failure === undefined ? 0 : 1),
    artifacts: batches.done + batches.failed,
    attempts,
  };
  const shown = id === "errors" || id === "artifacts" || id === "attempts" ? count[id] : 0;
  return shown === 0 ? label : `${label} (${shown})`;
}

/** Focuses the panel when it is opened, and the node's card when it is closed. */
function useFocus(nodeId: string) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    panel.current?.focus({ preventScroll: true });
    return () => {
      // In the next frame the panel is gone, which may have covered the graph.
      requestAnimationFrame(() => {
        if (document.activeElement !== document.body) return;
        document.querySelector<HTMLElement>(`[data-node="${CSS.escape(nodeId)}"]`)?.focus({ preventScroll: true });
      });
    };
  }, [nodeId]);
  return panel;
}

function useCloseOnEscape(onClose: () => void): void {
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      // A dialog above closes itself first.
      if (event.key === "Escape" && document.querySelector("dialog[open]") === null) onClose();
    };
    window.addEventListener("keydown", close);
    return () => window.removeEventListener("keydown", close);
  }, [onClose]);
}
