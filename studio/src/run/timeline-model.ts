import type { Span, Timeline } from "../api/source.ts";

/** A line of the timeline: a shard of a node. */
export interface Lane {
  readonly nodeId: string;
  readonly shard: number;
  /** With its shard, if the node has several. */
  readonly name: string;
  readonly bars: readonly Bar[];
  /** The content of the bars as text, for screen readers. */
  readonly summary: string;
}

export type Look = "queued" | "running" | "done" | "failed" | "lost" | "waiting" | "retrying" | "paused" | "quiet";

export interface Bar {
  readonly span: Span;
  readonly from: number;
  readonly to: number;
  readonly look: Look;
  readonly words: string;
}

/** @param now - the end of bars that are still open */
export function lanesOf({ spans }: Timeline, now: number, format: (ms: number) => string): readonly Lane[] {
  const byShard = Map.groupBy(spans, ({ nodeId, shard }) => `${nodeId} ${shard}`);
  const parted = new Set(spans.flatMap(({ nodeId, shard }) => (shard > 0 ? nodeId : [])));
  return [...byShard.values()].flatMap((list) => {
    const [first] = list;
    if (first === undefined) return [];
    const bars = list.filter(isDrawn).map((span): Bar => {
      const to = span.to ?? Math.max(now, span.from);
      const look = lookOf(span);
      return { span, from: span.from, to, look, words: wordsOf(span, look, format(to - span.from)) };
    });
    const summary = bars.map(({ words }) => words).join("; ");
    const { nodeId, shard } = first;
    return [{ nodeId, shard, name: parted.has(nodeId) ? `${nodeId}/${shard}` : nodeId, bars, summary }];
  });
}

/** A span in an ended state has no length. */
const isDrawn = ({ state }: Span): boolean =>
  state === "queued" || state === "running" || state === "deferred" || state === "cancelling";

function lookOf({ state, cause, endCause, to }: Span): Look {
  if (state === "queued") return "queued";
  if (state === "cancelling") return "quiet";
  if (state === "deferred") return cause === "fail" ? "retrying" : cause === "pause" ? "paused" : "waiting";
  if (to === undefined) return "running";
  if (endCause === "fail") return "failed";
  if (endCause === "expire") return "lost";
  return endCause === "complete" || endCause === "close" ? "done" : "quiet";
}

function wordsOf({ epoch, workerId, reasonCode }: Span, look: Look, time: string): string {
  const words: Readonly<Record<Look, string>> = {
    queued: `queued for ${time}`,
    running: `attempt ${epoch} has been running for ${time}`,
    done: `attempt ${epoch} finished after ${time}`,
    failed: `attempt ${epoch} failed after ${time}`,
    lost: `attempt ${epoch} lost its worker after ${time}`,
    waiting: `waited for ${time}`,
    retrying: `waited ${time} before its next attempt`,
    paused: `paused for ${time}`,
    quiet: `attempt ${epoch} was stopped after ${time}`,
  };
  return [
    words[look],
    ...(workerId === undefined ? [] : [workerId]),
    ...(look === "failed" && reasonCode !== undefined ? [reasonCode] : []),
  ].join(" · ");
}

/** Round distances between ticks, in ms. */
const steps = [1, 2, 5].flatMap((n) => [n, 10 * n, 100 * n]);
const longSteps = [1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1_000);
const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1_440, 2_880, 10_080].map((count) => count * 60_000);
const distances = [...steps, ...longSteps, ...minutes].toSorted((a, b) => a - b);

/** About `count` ticks, in ms from the start of the range. */
export function ticksOf(rangeMs: number, count: number): readonly number[] {
  const step = distances.find((distance) => rangeMs / distance <= count) ?? Math.ceil(rangeMs / count);
  return Array.from({ length: Math.floor(rangeMs / step) + 1 }, (_, index) => index * step);
}
