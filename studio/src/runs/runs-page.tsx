import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, lazy, memo, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { useInfo, useRuns } from "../api/queries.ts";
import type { RunList, Runs } from "../api/run-list.ts";
import type { TaskRow, Waiting } from "../api/source.ts";
import { duration, number, waitingText, when } from "../format.ts";
import { hrefOf, useRoute } from "../router.ts";
import { Icon } from "../ui/icon.tsx";
import { useNow } from "../ui/now.ts";
import { Problem } from "../ui/problem.tsx";
import { rowHeight, useRowHeights } from "../ui/row-height.ts";
import { Status } from "../ui/status.tsx";
import { Filters, useTaskFilter } from "./filters.tsx";

const StartDialog = lazy(async () => ({ default: (await import("../actions/start-dialog.tsx")).StartDialog }));

export function RunsPage() {
  const route = useRoute();
  const filter = useTaskFilter(route);
  const { data: info } = useInfo();
  const runs = useRuns(filter);
  const { rows, hasMore, isPending, error } = runs;
  const [isStarting, setStarting] = useState(false);
  const isFiltered = Object.keys(filter).length > 0;
  return (
    <>
      <title>Runs · FlowKit Studio</title>
      <header className="page-head">
        <h1>Runs</h1>
        <span className="muted tabular" data-testid="run-count">
          {rows.length === 0 ? "" : hasMore ? `${number(rows.length)}+` : number(rows.length)}
        </span>
        {info === undefined || info.readOnly ? null : (
          <div className="actions">
            <button type="button" className="button primary" onClick={() => setStarting(true)}>
              <Icon name="play" />
              Run a flow
            </button>
          </div>
        )}
        <Filters route={route} />
      </header>
      {error === null ? null : <Problem error={error} className="banner" />}
      {isPending && error === null ? <p className="empty">Loading…</p> : null}
      {isPending || rows.length > 0 || hasMore ? null : <Empty isFiltered={isFiltered} />}
      {rows.length > 0 || hasMore ? <List key={JSON.stringify(filter)} runs={runs} /> : null}
      {isStarting ? (
        <Suspense>
          <StartDialog onClose={() => setStarting(false)} />
        </Suspense>
      ) : null}
    </>
  );
}

function Empty({ isFiltered }: { readonly isFiltered: boolean }) {
  return (
    <div className="empty">
      <h2>{isFiltered ? "No run matches" : "No runs yet"}</h2>
      {isFiltered ? (
        <a href={hrefOf(["runs"])}>Show all runs</a>
      ) : (
        <p>A run appears here as soon as a program, the command line or this page starts one.</p>
      )}
    </div>
  );
}

const heights = { wide: 38, narrow: 58 } as const;
// A constant function, because the list measures all rows again if it changes.
const estimateSize = (): number => rowHeight(heights);

function List({ runs }: { readonly runs: Runs & Pick<RunList, "show"> }) {
  const { rows, hasMore, waiting, show } = runs;
  const scroller = useRef<HTMLDivElement>(null);
  const now = useNow();
  const today = new Date(now).toDateString();
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize,
    getItemKey: useCallback((index: number) => rows[index]?.id ?? index, [rows]),
    overscan: 12,
  });
  const items = virtual.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => show(first, last), [show, first, last]);
  useRowHeights(virtual);

  /** Arrow keys move from run to run, including runs that are not rendered yet. */
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const current = (document.activeElement as HTMLElement | null)?.dataset.index;
    if (step === 0 || current === undefined) return;
    event.preventDefault();
    const next = Math.min(rows.length - 1, Math.max(0, Number(current) + step));
    virtual.scrollToIndex(next);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`a[data-index="${next}"]`)?.focus());
  };

  return (
    <div className="scroll runs" ref={scroller}>
      <table aria-rowcount={hasMore ? -1 : rows.length + 1}>
        <caption className="visually-hidden">Runs, the newest first</caption>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col">State</th>
            <th scope="col">Flow</th>
            <th scope="col">Run</th>
            <th scope="col">Created</th>
            <th scope="col">Duration</th>
            <th scope="col">Note</th>
          </tr>
        </thead>
        <tbody style={{ height: virtual.getTotalSize() }} onKeyDown={move}>
          {items.map(({ index, start, size }) => {
            const row = rows[index];
            return row === undefined ? null : (
              <tr key={row.id} aria-rowindex={index + 2} style={{ transform: `translateY(${start}px)`, height: size }}>
                <Row row={row} index={index} now={row.endedAt ?? now} today={today} waiting={waiting.get(row.id)} />
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  readonly row: TaskRow;
  readonly index: number;
  /** When it ended, or the current time. */
  readonly now: number;
  readonly today: string;
  readonly waiting: Waiting | undefined;
}

const Row = memo(function Row({ row, index, now, today, waiting: known }: RowProps) {
  const { id, flow, createdAt } = row;
  const waiting = row.state === "running" ? known : undefined;
  return (
    <>
      <td className="cell-state">
        <Status status={isPlanned(row, now) ? "queued" : waiting === undefined ? row.state : "deferred"} />
      </td>
      <td className="cell-flow truncate">{flow ?? <span className="muted">without a name</span>}</td>
      <td className="cell-id truncate">
        <a className="mono" href={hrefOf(["runs", id])} data-index={index}>
          <span className="id-text">{id}</span>
        </a>
      </td>
      <td className="cell-time tabular muted">{when(createdAt, today)}</td>
      <td className="cell-duration tabular">{isPlanned(row, now) ? "–" : duration(now - createdAt)}</td>
      <td className="cell-note truncate muted">
        {isPlanned(row, now) ? (
          `Starts at ${when(row.startsAt, today)}`
        ) : waiting === undefined ? (
          <RowNote row={row} />
        ) : (
          waitingText(waiting, today)
        )}
      </td>
    </>
  );
});

/** It starts in the future. */
const isPlanned = (row: TaskRow, now: number): row is TaskRow & { readonly startsAt: number } =>
  row.state === "running" && row.startsAt !== undefined && row.startsAt > now;

function RowNote({ row: { failure, cancelReason, retryOf, parent } }: { readonly row: TaskRow }) {
  if (failure !== undefined) {
    const { nodeId, reasonCode, message } = failure;
    return (
      <span title={message}>
        <code>{reasonCode}</code> {nodeId === undefined ? message : `at '${nodeId}': ${message}`}
      </span>
    );
  }
  if (cancelReason !== undefined) return cancelReason;
  if (retryOf !== undefined) return `Retry of ${retryOf}`;
  if (parent !== undefined) return `Run by '${parent.nodeId}' of ${parent.taskId}`;
  return null;
}
