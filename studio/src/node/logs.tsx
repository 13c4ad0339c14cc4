import { useEffect, useRef } from "react";
import { type LogLevel, logLevels, shownLines } from "../api/live-logs.ts";
import { type Task, useLogs, useSource } from "../api/queries.ts";
import type { Json, JsonObject, LogLineView, NodeDetail } from "../api/source.ts";
import { clockMs, compact, dateTime, plural } from "../format.ts";
import { navigate, useRoute, withQuery } from "../router.ts";
import { Icon, type IconName } from "../ui/icon.tsx";
import { JsonTree } from "../ui/json-tree.tsx";
import { Problem } from "../ui/problem.tsx";
import { attemptName } from "./attempts.tsx";

interface Look {
  readonly label: string;
  readonly icon: IconName;
  readonly tone: string;
  /** The label of this level in the filter. */
  readonly choice: string;
}

const looks: Readonly<Record<LogLevel, Look>> = {
  debug: { label: "Debug", icon: "debug", tone: "quiet", choice: "All levels" },
  info: { label: "Info", icon: "info", tone: "running", choice: "Info and above" },
  warn: { label: "Warning", icon: "warning", tone: "waiting", choice: "Warnings and errors" },
  error: { label: "Error", icon: "failed", tone: "failed", choice: "Errors" },
};

/** The log lines of the node's handler, oldest first; followed until the run has ended. */
export function Logs({ task, node }: { readonly task: Task; readonly node: NodeDetail }) {
  const route = useRoute();
  const { isReport } = useSource();
  const { data, error } = useLogs(task.detail.id, node.nodeId, { hasEnded: task.live.endedAt !== undefined });
  const asked = route.query.get("level");
  const least = logLevels.find((level) => level === asked) ?? "debug";
  const shown = shownLines(data?.items ?? [], least);
  const list = useFollowedEnd(shown.at(-1)?.line.seq);
  if (error !== null && data === undefined) return <Problem error={error} />;
  if (data === undefined) return <p className="muted">Loading…</p>;
  if (data.items.length === 0) {
    return (
      <>
        <p className="muted">
          {isReport ? "This report has no log lines of this node." : "This node has logged nothing."}
        </p>
        <Dropped count={data.dropped} />
      </>
    );
  }
  return (
    <section className="section" aria-label="Log lines">
      <div className="log-head">
        <span className="muted tabular" data-testid="log-count">
          {plural(shown.length, "# line", "# lines")}
        </span>
        <select
          className="select"
          aria-label="Level"
          value={least}
          onChange={(event) => navigate(withQuery(route, { level: event.target.value }), { replace: true })}
        >
          {logLevels.map((level) => (
            <option key={level} value={level}>
              {looks[level].choice}
            </option>
          ))}
        </select>
      </div>
      <Dropped count={data.dropped} />
      {shown.length === 0 ? <p className="muted">No line has this level.</p> : null}
      <ol className="log" ref={list}>
        {shown.map(({ line, missing }) => (
          <li key={line.seq}>
            {missing === 0 ? null : (
              <p className="log-gap muted">{plural(missing, "# line is missing here.", "# lines are missing here.")}</p>
            )}
            <Line line={line} node={node} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Dropped({ count }: { readonly count: number }) {
  if (count === 0) return null;
  return (
    <p className="muted" data-testid="log-dropped">
      {plural(count, "# older line of this run was dropped.", "# older lines of this run were dropped.")} A run keeps
      its newest 1,000 lines, and an attempt its newest 250.
    </p>
  );
}

function Line({ line, node }: { readonly line: LogLineView; readonly node: NodeDetail }) {
  const { at, level, message, fields = {} } = line;
  const { label, icon, tone } = looks[level];
  const { batchUid, ...rest } = fields;
  return (
    <>
      <div className="log-line-head">
        <time className="tabular muted" dateTime={new Date(at).toISOString()} title={dateTime(at)}>
          {clockMs(at)}
        </time>
        <span className={`status bare tone-${tone}`} data-level={level}>
          <Icon name={icon} />
          {label}
        </span>
        <span className="muted">{attemptName(line, node)}</span>
        {batchUid === undefined ? null : (
          <span className="muted truncate">
            batch <code>{typeof batchUid === "string" ? batchUid : compact(batchUid)}</code>
          </span>
        )}
      </div>
      <p className="log-text">
        {message}
        <Scalars fields={rest} />
      </p>
      <Objects fields={rest} />
    </>
  );
}

const isObject = (value: Json): boolean => typeof value === "object" && value !== null;

function Scalars({ fields }: { readonly fields: JsonObject }) {
  return Object.entries(fields).map(([name, value]) =>
    isObject(value) ? null : (
      <code key={name} className="metric muted">
        {name}={typeof value === "string" ? value : compact(value)}
      </code>
    ),
  );
}

/** Fields that are objects, such as an error with its stack; opened on demand. */
function Objects({ fields }: { readonly fields: JsonObject }) {
  const objects = Object.entries(fields).filter(([, value]) => isObject(value));
  return objects.length === 0 ? null : <JsonTree value={Object.fromEntries(objects)} open={false} />;
}

/** Keeps the end in view as lines are added, unless the reader has scrolled away from it. */
function useFollowedEnd(last: number | undefined) {
  const list = useRef<HTMLOListElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const scroller = list.current?.closest<HTMLElement>(".scroll");
    if (scroller == null) return;
    const look = () => {
      isAtEnd.current = scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 40;
    };
    scroller.addEventListener("scroll", look, { passive: true });
    return () => scroller.removeEventListener("scroll", look);
  });
  useEffect(() => {
    if (last !== undefined && isAtEnd.current) list.current?.lastElementChild?.scrollIntoView({ block: "end" });
  }, [last]);
  return list;
}
