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
  /** In the order in which they are shown. */
  readonly nodeIds: readonly string[];
  readonly output: NodeJS.WriteStream;
}

/**
 * Shows how the nodes of a task come along, until its events end: on a terminal one line a node, redrawn in place;
 * anywhere else a line whenever a node starts or ends.
 */
export async function showProgress(events: AsyncIterable<TaskEvent>, options: ProgressOptions): Promise<void> {
  const { nodeIds, output } = options;
  const nodes = new Map<string, NodeProgress>(nodeIds.map((id) => [id, { status: "queued", batches: 0 }]));
  const width = Math.max(...nodeIds.map((id) => id.length));
  const redraw = createLogUpdate(output);
  const draw = () => redraw([...nodes].map(([id, node]) => line(id.padEnd(width), node)).join("\n"));
  const timer = output.isTTY ? setInterval(draw, 100) : undefined;
  try {
    for await (const event of events) {
      if (event.kind === "task") continue;
      const node = nodes.get(event.nodeId);
      if (node === undefined) continue;
      const before = node.status;
      update(node, event);
      if (output.isTTY) draw();
      else if (node.status !== before) output.write(`${line(event.nodeId.padEnd(width), node)}\n`);
    }
  } finally {
    clearInterval(timer);
    if (output.isTTY) redraw.done();
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

const isOver = (status: NodeStatus): boolean => status === "finished" || status === "failed" || status === "cancelled";

const marks: Readonly<Record<NodeStatus, string>> = {
  queued: styleText("dim", "·"),
  running: styleText("cyan", "▸"),
  deferred: styleText("yellow", "↻"),
  cancelling: styleText("yellow", "▸"),
  finished: styleText("green", "✔"),
  failed: styleText("red", "✘"),
  cancelled: styleText("yellow", "■"),
};

function line(name: string, node: NodeProgress): string {
  const { status, batches, startedAt, endedAt } = node;
  const start = `${marks[status]} ${name}  ${status.padEnd(10)}`;
  if (startedAt === undefined) return start;
  const seconds = ((endedAt ?? Date.now()) - startedAt) / 1000;
  const rate = seconds > 0 ? `${count(Math.round(batches / seconds))}/s` : "";
  return `${start} ${count(batches).padStart(5)} batches ${rate.padStart(9)} ${seconds.toFixed(2).padStart(7)} s`;
}
