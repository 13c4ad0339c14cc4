import { lazy, Suspense, useCallback } from "react";
import { type Task, useInfo, useSource, useTask } from "../api/queries.ts";
import { RequestError } from "../api/source.ts";
import { GraphView } from "../graph/graph-view.tsx";
import { NodePanel } from "../node/node-panel.tsx";
import { hrefOf, type LinkTo, navigate, type Route, useRoute, withQuery } from "../router.ts";
import { Problem } from "../ui/problem.tsx";
import { statusText } from "../ui/status.tsx";
import { Tabs } from "../ui/tabs.tsx";
import { Events } from "./events.tsx";
import { Facts } from "./facts.tsx";
import { RunHead } from "./run-head.tsx";
import { Timeline } from "./timeline.tsx";
import { Why } from "./why.tsx";

const Rates = lazy(async () => ({ default: (await import("./rates.tsx")).Rates }));

export function RunPage({ id }: { readonly id: string }) {
  const { task, error } = useTask(id);
  if (task !== undefined) return <Run task={task} />;
  if (error === null) return <p className="empty">Loading…</p>;
  const isUnknown = error instanceof RequestError && error.status === 404;
  return (
    <div className="padded">
      <Problem error={error} />
      {isUnknown ? <a href={hrefOf(["runs"])}>Back to the runs</a> : null}
    </div>
  );
}

const tabs = [
  { id: "graph", label: "Graph" },
  { id: "timeline", label: "Timeline" },
  { id: "why", label: "Nodes in words" },
  { id: "events", label: "Events" },
  { id: "rates", label: "Rates", liveOnly: true },
  { id: "data", label: "Parameters and variables" },
] as const;

type TabId = (typeof tabs)[number]["id"];

function Run({ task }: { readonly task: Task }) {
  const route = useRoute();
  const { isReport } = useSource();
  const { data: info } = useInfo();
  const shownTabs = tabs.filter((tab) => !(isReport && "liveOnly" in tab));
  const tab = shownTabs.find(({ id }) => id === route.query.get("tab"))?.id ?? "graph";
  const nodeId = route.query.get("node") ?? undefined;
  const selected = task.detail.graph.nodes.find(({ id }) => id === nodeId)?.id;
  const linkTo = useNodeLinks(route);
  const close = () => navigate(withQuery(route, { node: undefined, section: undefined, uid: undefined }));
  return (
    <>
      <title>{`${task.detail.flow ?? "Run"}: ${statusText(task.live.state)} · FlowKit Studio`}</title>
      <RunHead task={task} canAct={info?.readOnly === false && !isReport} />
      <Tabs
        label="Views of the run"
        current={tab}
        tabs={shownTabs.map(({ id, label }) => ({
          id,
          label,
          href: withQuery(route, { tab: id === "graph" ? undefined : id }),
        }))}
      />
      <div className={selected === undefined ? "split" : "split open"}>
        <section className="split-main" aria-label="Run">
          <View tab={tab} task={task} selected={selected} linkTo={linkTo} />
        </section>
        {selected === undefined ? null : (
          <NodePanel key={selected} task={task} nodeId={selected} linkTo={linkTo} onClose={close} />
        )}
      </div>
    </>
  );
}

/** Returns the same function while only the state changes, so that not every node is rendered again. */
function useNodeLinks({ path, query }: Route): LinkTo {
  const [pathText, queryText] = [path.join("/"), query.toString()];
  return useCallback(
    (nodeId) =>
      withQuery({ path: pathText.split("/"), query: new URLSearchParams(queryText) }, { node: nodeId, uid: undefined }),
    [pathText, queryText],
  );
}

function View(props: {
  readonly tab: TabId;
  readonly task: Task;
  readonly selected: string | undefined;
  readonly linkTo: LinkTo;
}) {
  const { tab, task, selected, linkTo } = props;
  const { detail, live } = task;
  switch (tab) {
    case "graph":
      return <GraphView graph={detail.graph} live={live} selected={selected} hrefOf={linkTo} />;
    case "timeline":
      return <Timeline task={task} linkTo={linkTo} />;
    case "why":
      return <Why task={task} linkTo={linkTo} />;
    case "events":
      return <Events id={detail.id} linkTo={linkTo} />;
    case "rates":
      return (
        <Suspense fallback={<p className="empty">Loading…</p>}>
          <Rates id={detail.id} />
        </Suspense>
      );
    case "data":
      return <Facts task={task} />;
  }
}
