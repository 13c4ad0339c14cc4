import { useFlows } from "../api/queries.ts";
import type { FlowRun } from "../api/source.ts";
import { dateTime, number, waitingText } from "../format.ts";
import { hrefOf } from "../router.ts";
import { Problem } from "../ui/problem.tsx";
import { Region } from "../ui/region.tsx";
import { Status } from "../ui/status.tsx";

export function FlowsPage() {
  const { data, error } = useFlows({ isLive: true });
  const flows = data?.items ?? [];
  return (
    <>
      <title>Flows · FlowKit Studio</title>
      <header className="page-head">
        <h1>Flows</h1>
      </header>
      {error === null ? null : <Problem error={error} className="banner" />}
      {data === undefined && error === null ? <p className="empty">Loading…</p> : null}
      {data !== undefined && flows.length === 0 ? (
        <div className="empty">
          <h2>No flow is known</h2>
          <p>Start the studio with the files that export your flows, or run one.</p>
        </div>
      ) : null}
      {flows.length === 0 ? null : (
        <Region label="Flows" className="padded">
          <div className="scroll-x">
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">Flow</th>
                  <th scope="col">Last run</th>
                  <th scope="col">Version</th>
                  <th scope="col" className="wide-only">
                    Nodes
                  </th>
                  <th scope="col" className="wide-only">
                    From
                  </th>
                </tr>
              </thead>
              <tbody>
                {flows.map(({ name, nodes, hash, origin, file, changed, paused, lastRun }) => (
                  <tr key={name}>
                    <td>
                      <a href={hrefOf(["flows", name])}>{name}</a> {paused ? <Status status="paused" /> : null}
                    </td>
                    <td>
                      {lastRun === undefined ? (
                        <span className="muted">none</span>
                      ) : (
                        <a className="last-run" href={hrefOf(["runs", lastRun.taskId])}>
                          <RunStatus run={lastRun} /> {dateTime(lastRun.createdAt)}
                        </a>
                      )}
                    </td>
                    <td>
                      <code title={hash}>{shortHash(hash)}</code>
                      {changed === true ? (
                        <span className="tone-waiting toned"> changed since its last run</span>
                      ) : null}
                    </td>
                    <td className="tabular wide-only">{number(nodes)}</td>
                    <td className="wide-only">
                      {origin === "file" ? <code>{file}</code> : <span className="muted">its runs</span>}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Region>
      )}
    </>
  );
}

/** The state of a run; the title states what it waits for. */
export function RunStatus({ run: { state, waiting } }: { readonly run: FlowRun }) {
  if (waiting === undefined) return <Status status={state} bare />;
  return (
    <span title={waitingText(waiting, new Date().toDateString())}>
      <Status status="deferred" bare />
    </span>
  );
}

/** Enough to tell versions apart. */
export const shortHash = (hash: string): string => hash.replace(/^sha256[-:]/, "").slice(0, 12);
