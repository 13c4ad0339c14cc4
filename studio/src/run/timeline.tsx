import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import { type Task, useSource, useTimeline } from "../api/queries.ts";
import { duration, plural } from "../format.ts";
import type { LinkTo } from "../router.ts";
import { Icon } from "../ui/icon.tsx";
import { useNow } from "../ui/now.ts";
import { Problem } from "../ui/problem.tsx";
import { Region } from "../ui/region.tsx";
import { Note } from "../ui/status.tsx";
import { type Bar, type Lane, type Look, lanesOf, ticksOf } from "./timeline-model.ts";

const laneHeight = 26;
const mostZoom = 64;

const looks: readonly (readonly [Look, string])[] = [
  ["queued", "queued"],
  ["running", "running"],
  ["done", "attempt that finished"],
  ["failed", "attempt that failed"],
  ["lost", "attempt that lost its worker"],
  ["retrying", "wait before a retry"],
  ["waiting", "wait for input, time or a signal"],
  ["paused", "paused"],
];

/** When each node was queued, ran, waited and was retried. */
export function Timeline({ task, linkTo }: { readonly task: Task; readonly linkTo: LinkTo }) {
  const { detail, live } = task;
  const { isReport } = useSource();
  const { data, error } = useTimeline(detail.id);
  const clock = useNow(500);
  const now = live.endedAt ?? (isReport ? live.at : clock);
  const [zoom, setZoom] = useState(1);
  const lanes = useMemo(() => (data === undefined ? [] : lanesOf(data, now, duration)), [data, now]);
  if (error !== null) return <Problem error={error} className="banner" />;
  if (data === undefined) return <p className="empty">Loading…</p>;
  if (lanes.length === 0) {
    return <p className="empty">{isReport ? "This report has no timeline." : "No node has been dispatched yet."}</p>;
  }
  const used = new Set(lanes.flatMap(({ bars }) => bars.map(({ look }) => look)));
  const to = live.endedAt === undefined ? Math.max(data.to, now) : data.to;
  return (
    <>
      <div className="timeline-head">
        <ul className="timeline-legend" aria-label="Legend">
          {looks.map(([look, text]) =>
            used.has(look) ? (
              <li key={look}>
                <span className={`bar look-${look}`} />
                {text}
              </li>
            ) : null,
          )}
        </ul>
        <button
          type="button"
          className="button icon"
          aria-label="Zoom out"
          disabled={zoom === 1}
          onClick={() => setZoom(zoom / 2)}
        >
          <Icon name="minus" />
        </button>
        <button
          type="button"
          className="button icon"
          aria-label="Zoom in"
          disabled={zoom === mostZoom}
          onClick={() => setZoom(zoom * 2)}
        >
          <Icon name="plus" />
        </button>
      </div>
      {data.forgotten === 0 ? null : (
        <Note tone="quiet" icon="info" className="banner">
          {plural(
            data.forgotten,
            "# older transition is missing: the store keeps the newest 50 of each shard.",
            "# older transitions are missing: the store keeps the newest 50 of each shard.",
          )}
        </Note>
      )}
      <Lanes lanes={lanes} from={data.from} to={Math.max(to, data.from + 1)} zoom={zoom} linkTo={linkTo} />
    </>
  );
}

function Lanes(props: {
  readonly lanes: readonly Lane[];
  readonly from: number;
  readonly to: number;
  readonly zoom: number;
  readonly linkTo: LinkTo;
}) {
  const { lanes, from, to, zoom, linkTo } = props;
  const scroller = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({
    count: lanes.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => laneHeight,
    overscan: 10,
  });
  const share = (ms: number) => `${(100 * ms) / (to - from)}%`;
  const ticks = ticksOf(to - from, 6 * zoom);
  return (
    <Region label="Timeline" className="timeline" ref={scroller}>
      <div style={{ width: `${100 * zoom}%` }}>
        <div className="timeline-axis" aria-hidden="true">
          <span className="lane-name" />
          <div className="lane-track">
            {ticks.map((tick) => (
              <span key={tick} className="tick tabular" style={{ left: share(tick) }}>
                {duration(tick)}
              </span>
            ))}
          </div>
        </div>
        <ol style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const lane = lanes[index];
            if (lane === undefined) return null;
            const { nodeId, shard, name, bars, summary } = lane;
            return (
              <li key={`${nodeId} ${shard}`} className="lane" style={{ transform: `translateY(${start}px)` }}>
                <a className="lane-name truncate" href={linkTo(nodeId)} title={summary}>
                  {name}
                  <span className="visually-hidden">: {summary}</span>
                </a>
                <div className="lane-track" aria-hidden="true">
                  {ticks.map((tick) => (
                    <span key={tick} className="grid-line" style={{ left: share(tick) }} />
                  ))}
                  {bars.map((bar) => (
                    <BarView
                      key={`${bar.span.epoch} ${bar.from} ${bar.span.state}`}
                      bar={bar}
                      from={from}
                      share={share}
                    />
                  ))}
                </div>
              </li>
            );
          })}
        </ol>
      </div>
    </Region>
  );
}

function BarView(props: { readonly bar: Bar; readonly from: number; readonly share: (ms: number) => string }) {
  const { bar, from, share } = props;
  return (
    <span
      className={`bar look-${bar.look}`}
      title={bar.words}
      style={{ left: share(bar.from - from), width: share(bar.to - bar.from) }}
    />
  );
}
