import { styleText } from "node:util";
import type { NodeStatus, TaskEvent } from "flowkit/engine";
import { createLogUpdate } from "log-update";
import { count } from "./wording.ts";

interface NodeProgress {
  status: NodeStatus;
  batches: number;
  startedAt?: number;
  endedAt?: number;
}

export interface ProgressOptions {
  /** In display order. */
  readonly nodeIds: readonly string[];
  readonly output: NodeJS.WriteStream;
}

/**
 * Shows the progress of a task's nodes until its events end: on a terminal one line per node, redrawn in place;
 * elsewhere a line whenever a node starts or stops, and the lines of all nodes at the end.
 */
export async function showProgress(events: AsyncIterable<TaskEvent>, options: ProgressOptions): Promise<void> {
  const { nodeIds, output } = options;
  const nodes = new Map<string, NodeProgress>(nodeIds.map((id) => [id, { status: "queued", batches: 0 }]));
  const width = Math.max(...nodeIds.map((id) => id.length));
  const table = () => [...nodes].map(([id, node]) => line(id.padEnd(width), node)).join("\n");
  const redraw = createLogUpdate(output);
  const timer = output.isTTY ? setInterval(() => redraw(table()), 100) : undefined;
  let startedAt: number | undefined;
  try {
    for await (const event of events) {
      startedAt ??= event.at;
      const node = event.kind === "task" ? undefined : nodes.get(event.nodeId);
      if (event.kind === "task" || node === undefined) continue;
      update(node, event);
      if (output.isTTY) redraw(table());
      else if (event.kind === "node" && event.to !== "queued")
        output.write(`${seconds(event.at - startedAt)}  ${event.nodeId.padEnd(width)}  ${event.to}\n`);
    }
  } finally {
    clearInterval(timer);
    if (output.isTTY) redraw.done();
    else output.write(`\n${table()}\n`);
  }
}

function update(node: NodeProgress, event: Exclude<TaskEvent, { kind: "task" }>): void {
  if (event.kind === "progress") {
    node.batches = event.batches;
    return;
  }
  node.status = event.to;
  if (event.to === "running") node.startedAt ??= event.at;
  if (isOver(event.to)) node.endedAt = event.at;
}

const over: readonly NodeStatus[] = ["finished", "skipped", "failed", "cancelled"];
const isOver = (status: NodeStatus): boolean => over.includes(status);

const marks: Readonly<Record<NodeStatus, string>> = {
  queued: styleText("dim", "·"),
  running: styleText("cyan", "▸"),
  deferred: styleText("yellow", "↻"),
  paused: styleText("yellow", "‖"),
  cancelling: styleText("yellow", "▸"),
  finished: styleText("green", "✔"),
  skipped: styleText("dim", "–"),
  failed: styleText("red", "✘"),
  cancelled: styleText("yellow", "■"),
};

function line(name: string, node: NodeProgress): string {
  const { status, batches, startedAt, endedAt } = node;
  const start = `${marks[status]} ${name}  ${status.padEnd(10)}`;
  if (startedAt === undefined) return start;
  const elapsedMs = (endedAt ?? Date.now()) - startedAt;
  const rate = elapsedMs > 0 && batches > 0 ? `${count(Math.round((batches / elapsedMs) * 1000))}/s` : "";
  return `${start} ${count(batches).padStart(5)} ${batches === 1 ? "batch  " : "batches"} ${rate.padStart(9)} ${seconds(elapsedMs)}`;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2).padStart(7)} s`;
