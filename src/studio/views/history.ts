import {
  type HistoryEntry,
  isShardTerminal,
  reasonText,
  type ShardRecord,
  type TaskRecord,
} from "../../core/model/records.ts";
import { awaitsSignal } from "../../graph/mermaid.ts";
import type { AttemptView, EventPage, Span, TaskEventRow, Timeline } from "../api.ts";
import { type EventText, eventTexts, sentence } from "./sentences.ts";

/** What the records of a task keep of their transitions. */

/** The states of each shard over time, for a bar chart. */
export function timelineOf(task: TaskRecord, shards: readonly ShardRecord[], now: number): Timeline {
  const spans = inOrder(task, shards).flatMap(spansOf);
  const end = task.endedAt ?? now;
  return {
    from: task.createdAt,
    to: Math.max(end, task.createdAt, ...spans.map(({ to = end }) => to)),
    spans,
    forgotten: shards.reduce((sum, { history }) => sum + (history[0]?.n ?? 0), 0),
  };
}

function inOrder({ graph }: TaskRecord, shards: readonly ShardRecord[]): readonly ShardRecord[] {
  const places = new Map(graph.nodes.map(({ node_id: id }, place) => [id, place]));
  const placeOf = ({ nodeId }: ShardRecord) => places.get(nodeId) ?? 0;
  return shards.toSorted((a, b) => placeOf(a) - placeOf(b) || a.shard - b.shard);
}

function spansOf({ nodeId, shard, history }: ShardRecord): readonly Span[] {
  return history.flatMap(({ to: state, at: from, cause, epoch, workerId, reasonCode }, index) => {
    if (isShardTerminal(state)) return [];
    const next = history[index + 1];
    const worker = workerId ?? next?.workerId;
    const code = next?.reasonCode ?? reasonCode;
    return {
      nodeId,
      shard,
      epoch: next?.epoch ?? epoch,
      state,
      from,
      ...(next === undefined ? {} : { to: next.at, endCause: next.cause }),
      cause,
      ...(state !== "running" || worker === undefined ? {} : { workerId: worker }),
      ...(state !== "running" || code === undefined ? {} : { reasonCode: code }),
    };
  });
}

/** The attempts of these shards, the oldest first. */
export function attemptsOf(shards: readonly ShardRecord[]): readonly AttemptView[] {
  const attempts = shards.flatMap(({ shard, history, failure }) => {
    const found: AttemptView[] = [];
    for (const [index, { to, from, at, epoch, workerId }] of history.entries()) {
      if (to !== "running" || from === "running") continue;
      const end = history.slice(index + 1).find((each) => each.from === "running" || each.from === "cancelling");
      const last = endOf(history, index);
      const isOfFailure = failure !== undefined && failure.epoch === epoch;
      found.push({
        shard,
        epoch,
        startedAt: at,
        ...(workerId === undefined ? {} : { workerId }),
        ...(last === undefined ? {} : { endedAt: last.at, outcome: last.cause }),
        ...(end?.reasonCode === undefined ? {} : { reasonCode: end.reasonCode }),
        ...(end?.message === undefined ? {} : { message: end.message }),
        ...(isOfFailure ? { failure } : {}),
      });
    }
    return found;
  });
  return attempts.toSorted((a, b) => a.startedAt - b.startedAt || a.shard - b.shard);
}

/** The transition that ended the attempt which began with this one. Skips the request to stop it. */
function endOf(history: readonly HistoryEntry[], index: number): HistoryEntry | undefined {
  return history.slice(index + 1).find(({ to }) => to !== "running" && to !== "cancelling");
}

/** All events that the records know, the oldest first. */
export function eventsOf(task: TaskRecord, shards: readonly ShardRecord[]): readonly TaskEventRow[] {
  return keyedEvents(task, shards).map(({ event }) => event);
}

interface KeyedEvent {
  /** Unique in the task; orders what happened at the same time. */
  readonly key: string;
  readonly event: TaskEventRow;
}

function keyedEvents(task: TaskRecord, shards: readonly ShardRecord[]): readonly KeyedEvent[] {
  const { createdAt, endedAt, status } = task;
  const created = { key: "", event: { at: createdAt, to: "queued", text: eventTexts.created } } as const;
  const ended: readonly KeyedEvent[] =
    endedAt === undefined ? [] : [{ key: "~", event: { at: endedAt, to: status, text: endText(task) } }];
  const nodes = new Map(task.graph.nodes.map((node) => [node.node_id, node]));
  const ofShards = shards.flatMap(({ nodeId, shard, history }) => {
    const graphNode = nodes.get(nodeId);
    const node = (graphNode?.partitions ?? 1) > 1 ? `${nodeId}/${shard}` : nodeId;
    const waits = graphNode !== undefined && awaitsSignal(graphNode) ? "awaitsSignal" : "delayed";
    return history.map((entry): KeyedEvent => {
      const { at, epoch, from, to, cause, workerId, reasonCode } = entry;
      return {
        key: `${nodeId}/${String(shard).padStart(5, "0")}/${String(entry.n).padStart(9, "0")}`,
        event: {
          at,
          nodeId,
          shard,
          epoch,
          from,
          to,
          cause,
          ...(workerId === undefined ? {} : { workerId }),
          ...(reasonCode === undefined ? {} : { reasonCode }),
          text: sentence(eventTexts[textOf[cause](entry) ?? waits], {
            epoch,
            node,
            worker: workerId ?? "",
            reason: reasonText(entry.reasonCode ?? "unexpected_error", entry.message),
          }),
        },
      };
    });
  });
  return [created, ...ofShards, ...ended].sort(compareKeyed);
}

function endText({ status, failure, cancelReason }: TaskRecord): string {
  if (status === "finished") return eventTexts.finished;
  if (failure !== undefined) {
    return sentence(eventTexts.failed, { reason: `${failure.reasonCode}: ${failure.message.split("\n", 1)[0]}` });
  }
  return cancelReason === undefined
    ? eventTexts.cancelled
    : sentence(eventTexts.cancelledFor, { reason: cancelReason });
}

const startText = ({ workerId }: HistoryEntry): EventText => (workerId === undefined ? "started" : "startedOn");

/** Texts by the cause of a transition. `undefined`: it waits, and the text depends on its node. */
const textOf: Readonly<Record<HistoryEntry["cause"], (entry: HistoryEntry) => EventText | undefined>> = {
  dispatch: (entry) => (entry.to === "running" ? startText(entry) : entry.to === "deferred" ? undefined : "queued"),
  claim: startText,
  complete: () => "nodeFinished",
  fail: ({ to }) => (to === "failed" ? "nodeFailed" : "willRetry"),
  release: () => "released",
  requeue: () => "requeued",
  expire: ({ to }) => (to === "failed" ? "lostTooOften" : to === "cancelled" ? "nodeCancelled" : "lost"),
  cancel: ({ to }) => (to === "cancelling" ? "stopping" : "nodeCancelled"),
  confirm_cancelled: () => "stopped",
  supersede: () => "superseded",
  adopt: () => "adopted",
  skip: () => "skipped",
  close: () => "closed",
  wake: () => "woken",
  pause: ({ to }) => (to === "running" ? "pausing" : "paused"),
  resume: () => "resumed",
};

const compareKeyed = (a: KeyedEvent, b: KeyedEvent): number =>
  a.event.at - b.event.at || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/** A page of events; the cursor names the last one of the previous page. `undefined`: the cursor is not one of these. */
export function eventPage(
  task: TaskRecord,
  shards: readonly ShardRecord[],
  { cursor, limit }: { readonly cursor?: string | undefined; readonly limit: number },
): EventPage | undefined {
  const all = keyedEvents(task, shards);
  let from = 0;
  if (cursor !== undefined) {
    const [, at, key = ""] = /^(\d{1,16}):(.{0,300})$/s.exec(cursor) ?? [];
    if (at === undefined) return undefined;
    const last: KeyedEvent = { key, event: { at: Number(at), to: "queued", text: "" } };
    from = all.findIndex((each) => compareKeyed(each, last) > 0);
    if (from < 0) from = all.length;
  }
  const page = all.slice(from, from + limit);
  const last = page.at(-1);
  const end = last === undefined ? (cursor ?? "0:") : `${last.event.at}:${last.key}`;
  return { items: page.map(({ event }) => event), cursor: end, hasMore: from + page.length < all.length };
}
