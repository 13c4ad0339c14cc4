import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef } from "react";
import { useEvents } from "../api/queries.ts";
import { clockMs, dateTime } from "../format.ts";
import type { LinkTo } from "../router.ts";
import { Problem } from "../ui/problem.tsx";
import { Region } from "../ui/region.tsx";
import { rowHeight, useRowHeights } from "../ui/row-height.ts";
import { Status } from "../ui/status.tsx";

const heights = { wide: 28, narrow: 48 } as const;

/** All events, oldest first. */
export function Events({ id, linkTo }: { readonly id: string; readonly linkTo: LinkTo }) {
  const { data, error } = useEvents(id);
  const scroller = useRef<HTMLElement>(null);
  const rows = data?.items ?? [];
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight(heights),
    overscan: 20,
  });
  useRowHeights(virtual);
  if (error !== null && data === undefined) return <Problem error={error} className="banner" />;
  if (data === undefined) return <p className="empty">Loading…</p>;
  return (
    // Focusable, so that it scrolls by keyboard too.
    <Region label="Events" ref={scroller}>
      <ol className="events" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const event = rows[index];
          if (event === undefined) return null;
          const { at, nodeId, to, text } = event;
          return (
            <li key={index} style={{ transform: `translateY(${start}px)` }}>
              <time dateTime={new Date(at).toISOString()} title={dateTime(at)} className="tabular muted">
                {clockMs(at)}
              </time>
              <Status status={to} bare />
              {nodeId === undefined ? (
                <span className="muted">task</span>
              ) : (
                <a className="truncate" href={linkTo(nodeId)}>
                  {nodeId}
                </a>
              )}
              <span className="truncate" title={text}>
                {text}
              </span>
            </li>
          );
        })}
      </ol>
    </Region>
  );
}
