import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { SourceProvider } from "./api/queries.ts";
import { reportSource } from "./api/report-source.ts";
import type { GraphReport, RunReport, StudioReport } from "./api/source.ts";
import { GraphView } from "./graph/graph-view.tsx";
import { NodeSettings } from "./graph/node-settings.tsx";
import { hrefOf, navigate, useRoute } from "./router.ts";
import { RunPage } from "./run/run-page.tsx";
import { Note } from "./ui/status.tsx";
import { ThemeButton } from "./ui/theme-button.tsx";
import "./styles/index.css";

/** The page of `flowkit report` and `flowkit graph`: the same views, of the data in the file. */
function Report({ report }: { readonly report: StudioReport }) {
  return (
    <div className="shell">
      <main className="main">{report.kind === "run" ? <Run report={report} /> : <Graph report={report} />}</main>
    </div>
  );
}

function Run({ report }: { readonly report: RunReport }) {
  return (
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <SourceProvider value={reportSource(report)}>
        {report.omitted.length === 0 ? null : (
          <Note tone="quiet" icon="info" className="banner">
            <p>Left out, so that the file stays small:</p>
            <ul className="bullets">
              {report.omitted.map((text) => (
                <li key={text}>{text}</li>
              ))}
            </ul>
          </Note>
        )}
        <RunPage id={report.task.id} />
      </SourceProvider>
    </QueryClientProvider>
  );
}

const linkTo = (nodeId: string): string => hrefOf(["graph"], { node: nodeId });

function Graph({ report: { graph, hash } }: { readonly report: GraphReport }) {
  const { query } = useRoute();
  const node = graph.nodes.find(({ id }) => id === query.get("node"));
  return (
    <>
      <header className="page-head">
        <h1>{graph.name ?? "Graph"}</h1>
        <code className="muted truncate">{hash}</code>
        <div className="actions">
          <ThemeButton />
        </div>
      </header>
      <div className={node === undefined ? "split" : "split open"}>
        <section className="split-main" aria-label="Graph">
          <GraphView graph={graph} selected={node?.id} hrefOf={linkTo} />
        </section>
        {node === undefined ? null : (
          <NodeSettings node={node} graph={graph} linkTo={linkTo} onClose={() => navigate(hrefOf(["graph"]))} />
        )}
      </div>
    </>
  );
}

const root = document.getElementById("root");
const data = document.getElementById("flowkit-report")?.textContent;
if (root === null || data == null) throw new Error("the page has no element #root or #flowkit-report");
const report = JSON.parse(data) as StudioReport;
document.title =
  report.kind === "run" ? `${report.task.flow ?? "Run"} ${report.task.id}` : (report.graph.name ?? "Graph");
createRoot(root).render(
  <StrictMode>
    <Report report={report} />
  </StrictMode>,
);
