import { useCallback, useState } from "react";
import { FlowActionDialog } from "../actions/flow-actions.tsx";
import { StartDialog } from "../actions/start-dialog.tsx";
import { useFlow, useInfo } from "../api/queries.ts";
import type { FlowChange, FlowDetail } from "../api/source.ts";
import { GraphView } from "../graph/graph-view.tsx";
import { NodeSettings } from "../graph/node-settings.tsx";
import { hrefOf, navigate, useRoute, withQuery } from "../router.ts";
import { Copy } from "../ui/copy.tsx";
import { Icon } from "../ui/icon.tsx";
import { JsonTree } from "../ui/json-tree.tsx";
import { Problem } from "../ui/problem.tsx";
import { Region } from "../ui/region.tsx";
import { Note, Status } from "../ui/status.tsx";
import { Tabs } from "../ui/tabs.tsx";
import { RunStatus, shortHash } from "./flows-page.tsx";

export function FlowPage({ name }: { readonly name: string }) {
  const { data: flow, error } = useFlow(name);
  if (error !== null) {
    return (
      <div className="padded">
        <Problem error={error} />
        <a href={hrefOf(["flows"])}>Back to the flows</a>
      </div>
    );
  }
  return flow === undefined ? <p className="empty">Loading…</p> : <Flow flow={flow} />;
}

function Flow({ flow }: { readonly flow: FlowDetail }) {
  const route = useRoute();
  const { data: info } = useInfo();
  const [isStarting, setStarting] = useState(false);
  const [isAsked, setAsked] = useState(false);
  const tab = route.query.get("tab") ?? "graph";
  const { name, hash, paused, lastRun, changed, canStart, graph, diff, paramsSchema } = flow;
  const node = graph.nodes.find(({ id }) => id === route.query.get("node"));
  const linkTo = useCallback((nodeId: string) => hrefOf(["flows", name], { node: nodeId }), [name]);
  const tabs = [
    { id: "graph", label: "Graph" },
    ...(diff === undefined ? [] : [{ id: "diff", label: `Changes since the last run (${diff.changes.length})` }]),
    { id: "json", label: "Graph and parameters as JSON" },
  ];
  return (
    <>
      <title>{`${name} · FlowKit Studio`}</title>
      <header className="page-head">
        <a className="button quiet icon" href={hrefOf(["flows"])} aria-label="Back to the flows">
          <Icon name="back" />
        </a>
        <h1>{name}</h1>
        <span className="run-id">
          <code className="muted" title={hash}>
            {shortHash(hash)}
          </code>
          <Copy text={hash} label="flow's hash" />
        </span>
        {paused ? <Status status="paused" /> : null}
        {lastRun === undefined ? null : (
          <a className="last-run" href={hrefOf(["runs", lastRun.taskId])}>
            Last run: <RunStatus run={lastRun} />
          </a>
        )}
        {changed === false ? <span className="muted">unchanged since its last run</span> : null}
        <div className="actions">
          <a className="button" href={hrefOf(["runs"], { flow: name })}>
            Show its runs
          </a>
          {info?.readOnly === false ? (
            <button type="button" className="button" onClick={() => setAsked(true)}>
              <Icon name={paused ? "play" : "paused"} />
              {paused ? "Resume" : "Pause"}
            </button>
          ) : null}
          {canStart && info?.readOnly === false ? (
            <button type="button" className="button primary" onClick={() => setStarting(true)}>
              <Icon name="play" />
              Run it
            </button>
          ) : null}
        </div>
      </header>
      <Tabs
        label="Views of the flow"
        current={tab}
        tabs={tabs.map((each) => ({
          ...each,
          href: withQuery(route, { tab: each.id === "graph" ? undefined : each.id }),
        }))}
      />
      {tab === "graph" ? (
        <div className={node === undefined ? "split" : "split open"}>
          <section className="split-main" aria-label="Graph">
            <GraphView graph={graph} selected={node?.id} hrefOf={linkTo} />
          </section>
          {node === undefined ? null : (
            <NodeSettings node={node} graph={graph} linkTo={linkTo} onClose={() => navigate(hrefOf(["flows", name]))} />
          )}
        </div>
      ) : null}
      {tab === "diff" && diff !== undefined ? <Diff diff={diff} /> : null}
      {tab === "json" ? (
        <Region label="JSON" className="padded">
          <section className="section">
            <h2>Parameters</h2>
            {paramsSchema === undefined ? <p className="muted">None.</p> : <JsonTree value={paramsSchema} />}
          </section>
          <section className="section">
            <h2>Graph</h2>
            {graph.source === undefined ? (
              <p className="muted">It is too large to show.</p>
            ) : (
              <JsonTree value={graph.source} />
            )}
          </section>
        </Region>
      ) : null}
      {isAsked ? <FlowActionDialog flow={flow} onClose={() => setAsked(false)} /> : null}
      {isStarting ? <StartDialog flow={name} onClose={() => setStarting(false)} /> : null}
    </>
  );
}

const marks: Readonly<Record<FlowChange["kind"], { readonly label: string; readonly tone: string }>> = {
  added: { label: "Added", tone: "finished" },
  removed: { label: "Removed", tone: "failed" },
  changed: { label: "Changed", tone: "waiting" },
  incompatible: { label: "Incompatible", tone: "failed" },
};

function Diff({ diff }: { readonly diff: NonNullable<FlowDetail["diff"]> }) {
  return (
    <Region label="Changes" className="padded">
      {diff.compatible ? null : (
        <Note tone="failed" icon="warning">
          The data of running tasks would not fit this version.
        </Note>
      )}
      <ol className="changes">
        {diff.changes.map(({ kind, what, path, before, after }) => (
          <li key={`${kind} ${what} ${path}`}>
            <span className={`status tone-${marks[kind].tone}`}>{marks[kind].label}</span>
            <div>
              {what} {path === undefined ? null : <code className="muted">{path}</code>}
              {before === undefined ? null : <pre className="change-before">{before}</pre>}
              {after === undefined ? null : <pre className="change-after">{after}</pre>}
            </div>
          </li>
        ))}
      </ol>
    </Region>
  );
}
