import type { TaskEvent } from "../../engine/api.ts";
import type { Graph } from "../../graph/index.ts";
import type { Terminal } from "../terminal.ts";
import { counted, duration } from "../wording.ts";
import { LiveView } from "./live-view.ts";
import { TaskProgress } from "./progress.ts";

/** Follows a task until its events end: redrawn in place on a terminal, else a line whenever something happens. */
export async function showProgress(
  terminal: Terminal,
  events: AsyncIterable<TaskEvent>,
  graph: Pick<Graph, "nodes">,
): Promise<void> {
  const progress = new TaskProgress(graph);
  if (!terminal.stderr.isTTY) {
    for await (const event of events) {
      progress.add(event);
      const line = plainLine(event, progress);
      if (line !== undefined) terminal.note(line);
    }
    return;
  }
  const view = new LiveView(terminal, progress);
  try {
    for await (const event of events) progress.add(event);
  } finally {
    view.end();
  }
}

/** For logs: what began, what ended, what went wrong. */
function plainLine(event: TaskEvent, progress: TaskProgress): string | undefined {
  if (event.kind !== "node" || event.to === "queued") return undefined;
  if (event.cause === "release") return undefined; // it waits for input
  const { startedAt = event.at } = progress;
  const at = duration(event.at - startedAt).padStart(8);
  const shard = event.shard === 0 ? "" : `/${event.shard}`;
  const batches = event.batches === undefined ? "" : `, ${counted(event.batches, "batch", "batches")}`;
  const reason = event.reasonCode === undefined ? "" : `: ${event.reasonCode}`;
  const attempt = event.cause === "claim" && event.epoch > 1 ? `, attempt ${event.epoch}` : "";
  return `${at}  ${event.nodeId}${shard}  ${event.to}${batches}${attempt}${reason}`;
}
