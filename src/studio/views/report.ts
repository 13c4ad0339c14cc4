import type { LogPage as TaskLogPage } from "../../core/tasks/api.ts";
import type { Graph } from "../../graph/index.ts";
import type { NodeDetail, ReportNode, RunReport, StudioInfo, StudioReport } from "../api.ts";
import type { Reading } from "../reading.ts";
import { artifactPage, failedBatchPage } from "./artifacts.ts";
import { eventsOf, timelineOf } from "./history.ts";
import { counted, omittedTexts } from "./sentences.ts";
import { nodeDetail, readFacts, type TaskFacts, taskDetail, viewLogs } from "./task-view.ts";

/** The maximum size of each kind of content in a report; the first row that fits is used. */
const sizes: readonly Size[] = [
  { artifacts: 50, failed: 50, logs: 1_000, events: 5_000, spans: 10_000, attempts: 200 },
  { artifacts: 10, failed: 20, logs: 250, events: 2_000, spans: 5_000, attempts: 50 },
  { artifacts: 3, failed: 5, logs: 50, events: 500, spans: 2_000, attempts: 10 },
  { artifacts: 1, failed: 2, logs: 20, events: 300, spans: 1_000, attempts: 5 },
  { artifacts: 0, failed: 1, logs: 10, events: 100, spans: 500, attempts: 1 },
  { artifacts: 0, failed: 0, logs: 0, events: 0, spans: 0, attempts: 0 },
];

interface Size {
  /** Per node. */
  readonly artifacts: number;
  readonly failed: number;
  readonly logs: number;
  readonly attempts: number;
  /** Per task. */
  readonly events: number;
  readonly spans: number;
}

const [most] = sizes as readonly [Size];
/** In a larger graph, only failed nodes have details. */
const mostNodes = 500;

/**
 * A report of a task, for a page without a server.
 *
 * @param longest - the maximum size of its JSON in bytes; a graph may exceed it
 * @throws FlowError `TASK_UNKNOWN`
 */
export async function runReport(
  reading: Reading,
  {
    taskId,
    info,
    schemas,
    longest,
  }: {
    readonly taskId: string;
    readonly info: StudioInfo;
    readonly schemas: Graph["schemas"];
    readonly longest: number;
  },
): Promise<RunReport> {
  const task = await taskDetail(reading, taskId);
  const facts = await readFacts(reading, taskId);
  const { record, shards } = facts;
  const nodes: Record<string, ReportNode> = {};
  const logs = await reading.client.task(taskId).logs(); // all of them, at once
  const failedFirst = task.live.nodes.toSorted((a, b) => Number(isTrouble(b)) - Number(isTrouble(a)));
  for (const { nodeId } of failedFirst.slice(0, mostNodes)) {
    nodes[nodeId] = await reportNode(reading, { facts, nodeId, logs }, schemas);
  }
  const whole: RunReport = {
    kind: "run",
    info,
    task,
    timeline: timelineOf(record, shards, Date.now()),
    events: eventsOf(record, shards),
    nodes,
    omitted: failedFirst.length > mostNodes ? [counted(failedFirst.length - mostNodes, omittedTexts.nodes)] : [],
  };
  let report = whole;
  for (const size of sizes) {
    report = cut(whole, size);
    if (Buffer.byteLength(reportJson(report)) <= longest) break;
  }
  return report;
}

/** Escaped for a script element: nothing in it can end the element or start a comment. */
export const reportJson = (report: StudioReport): string => JSON.stringify(report).replaceAll("<", "\\u003c");

const isTrouble = ({ failure, batches }: NodeDetail["live"]): boolean => failure !== undefined || batches.failed > 0;

async function reportNode(
  reading: Reading,
  { facts, nodeId, logs }: { readonly facts: TaskFacts; readonly nodeId: string; readonly logs: TaskLogPage },
  schemas: Graph["schemas"],
): Promise<ReportNode> {
  const of = { taskId: facts.record.id, nodeId };
  const { live, settings: _, ...detail } = await nodeDetail(reading, { facts, nodeId }, schemas);
  const isEmpty = detail.shards.length === 0;
  const from = { shard: 0, seq: 0 };
  return {
    detail,
    artifacts: isEmpty ? { items: [], stored: 0 } : await artifactPage(reading, of, { from, limit: most.artifacts }),
    failedBatches:
      live.batches.failed === 0 ? { items: [] } : await failedBatchPage(reading, of, { skip: 0, limit: most.failed }),
    logs: viewLogs({ ...logs, lines: logs.lines.filter((line) => line.nodeId === nodeId) }),
  };
}

function cut(report: RunReport, size: Size): RunReport {
  const { task, timeline, events } = report;
  const lists = Object.values(report.nodes);
  const most = (countOf: (node: ReportNode) => number) => Math.max(0, ...lists.map(countOf));
  const omitted = [
    ...report.omitted,
    ...beyond("events", size, events.length),
    ...beyond("spans", size, timeline.spans.length),
    ...beyond(
      "artifacts",
      size,
      most(({ artifacts }) => artifacts.stored),
    ),
    ...beyond("failed", size, Math.max(0, ...task.live.nodes.map(({ batches }) => batches.failed))),
    ...beyond(
      "logs",
      size,
      most(({ logs }) => logs.items.length),
    ),
    ...beyond(
      "attempts",
      size,
      most(({ detail }) => detail.attempts.length),
    ),
  ];
  return {
    ...report,
    task,
    timeline: { ...timeline, spans: timeline.spans.slice(0, size.spans) },
    events: newest(events, size.events),
    nodes: Object.fromEntries(Object.entries(report.nodes).map(([nodeId, node]) => [nodeId, cutNode(node, size)])),
    omitted,
  };
}

function beyond(kind: keyof Size, { [kind]: most }: Size, count: number): readonly string[] {
  const texts = omittedTexts[kind];
  return count <= most ? [] : [most === 0 ? texts.none : counted(most, texts)];
}

const newest = <T>(items: readonly T[], count: number): readonly T[] => (count === 0 ? [] : items.slice(-count));

function cutNode({ detail, artifacts, failedBatches, logs }: ReportNode, size: Size): ReportNode {
  return {
    detail: { ...detail, attempts: newest(detail.attempts, size.attempts) },
    // A report has a single page, so there are no cursors.
    artifacts: { items: artifacts.items.slice(0, size.artifacts), stored: artifacts.stored },
    failedBatches: { items: failedBatches.items.slice(0, size.failed) },
    logs: { ...logs, items: newest(logs.items, size.logs) },
  };
}
