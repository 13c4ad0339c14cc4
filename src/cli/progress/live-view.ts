import type { NodeStatus, TaskEvent } from "../../core/tasks/api.ts";
import type { Graph } from "../../graph/index.ts";
import { counted, duration, perSecond, type Terminal } from "../terminal/terminal.ts";
import { isOver, type NodeProgress, TaskProgress } from "./progress.ts";

const redrawEveryMs = 100;
const clearLine = "\u001b[2K";
const clearBelow = "\u001b[0J";
const upBy = (lines: number): string => (lines === 0 ? "" : `\u001b[${lines}A`);

/**
 * The nodes of a task on a terminal, one line each, redrawn in place. Notes appear above. If the terminal has too few
 * lines, active nodes take precedence.
 */
class LiveView {
  readonly #terminal: Terminal;
  readonly #progress: TaskProgress;
  readonly #timer: NodeJS.Timeout;
  readonly #notes: Disposable;
  /** Lines on the screen, above the cursor. */
  #drawn = 0;

  constructor(terminal: Terminal, progress: TaskProgress) {
    this.#terminal = terminal;
    this.#progress = progress;
    this.#notes = terminal.divertNotes((text) => this.#draw(text));
    this.#timer = setInterval(() => this.#draw(), redrawEveryMs);
  }

  /** Leaves the final state of all nodes on the screen. */
  end(): void {
    clearInterval(this.#timer);
    this.#draw("", this.#progress.all());
    this.#notes[Symbol.dispose]();
  }

  #draw(above = "", nodes = this.#shown()): void {
    const { columns = 80 } = this.#terminal.stderr;
    const idWidth = Math.max(...this.#progress.all().map(({ id }) => id.length));
    const now = Date.now();
    const lines = nodes.map((node) => nodeLine(this.#terminal, node, { idWidth, now, columns }));
    const hidden = this.#progress.all().length - nodes.length;
    if (hidden > 0) lines.push(`  ... and ${hidden} more`);
    const text = lines.map((line) => `${clearLine}${line}\n`).join("");
    const ended = above === "" || above.endsWith("\n") ? above : `${above}\n`;
    // A single write avoids flicker.
    this.#terminal.stderr.write(`${upBy(this.#drawn)}\r${clearBelow}${ended}${text}`);
    this.#drawn = lines.length;
  }

  /** All nodes, or as many as fit: running and failed ones first, then queued, then ended ones. */
  #shown(): readonly NodeProgress[] {
    const nodes = this.#progress.all();
    const available = Math.max(1, (this.#terminal.stderr.rows ?? 24) - 2);
    if (nodes.length <= available) return nodes;
    const rank = ({ status }: NodeProgress) => {
      if (status === "queued") return 1;
      return isOver(status) && status !== "failed" ? 2 : 0;
    };
    const chosen = new Set(nodes.toSorted((a, b) => rank(a) - rank(b)).slice(0, available));
    return nodes.filter((node) => chosen.has(node));
  }
}

const marks = {
  queued: ["dim", "·"],
  running: ["cyan", "▸"],
  deferred: ["yellow", "↻"],
  paused: ["yellow", "‖"],
  cancelling: ["yellow", "▸"],
  finished: ["green", "✔"],
  skipped: ["dim", "–"],
  failed: ["red", "✘"],
  cancelled: ["yellow", "■"],
} as const satisfies Record<NodeStatus, readonly [string, string]>;

export interface NodeLineOptions {
  /** The length of the longest node id. */
  readonly idWidth: number;
  readonly now: number;
  /** The width to cut lines to, because a wrapped line cannot be redrawn. */
  readonly columns: number;
}

/** Formats a node as one line: status, batches, rate, elapsed time, retries, reported progress. */
function nodeLine(terminal: Terminal, node: NodeProgress, options: NodeLineOptions): string {
  const { status, batches, failedBatches, waitingBatches, retries, reported, startedAt } = node;
  const [style, mark] = marks[status];
  const elapsedMs = startedAt === undefined ? undefined : Math.max(0, (node.endedAt ?? options.now) - startedAt);
  const cells = [
    node.id.padEnd(options.idWidth),
    status.padEnd(10),
    (elapsedMs === undefined ? "" : counted(batches, "batch", "batches")).padStart(13),
    (elapsedMs === undefined ? "" : perSecond(batches, elapsedMs)).padStart(9),
    (elapsedMs === undefined ? "" : duration(elapsedMs)).padStart(8),
    ...(retries === 0 ? [] : [counted(retries, "retry", "retries")]),
    ...(failedBatches === 0 ? [] : [`${failedBatches} set aside`]),
    ...(waitingBatches === 0 ? [] : [`${waitingBatches} to be retried`]),
    ...(reported === undefined
      ? []
      : [reported.total === undefined ? `${reported.done}` : `${reported.done}/${reported.total}`]),
  ];
  return `${terminal.styled(style, mark)} ${cells
    .join("  ")
    .slice(0, Math.max(0, options.columns - 3))
    .trimEnd()}`;
}

/** Follows a task until its events end: redrawn in place where that is possible, otherwise one line per status change. */
export async function showProgress(
  terminal: Terminal,
  events: AsyncIterable<TaskEvent>,
  graph: Pick<Graph, "nodes">,
): Promise<void> {
  const progress = new TaskProgress(graph);
  if (!terminal.canRedraw) {
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

/** One line per change of status, for logs. */
function plainLine(event: TaskEvent, progress: TaskProgress): string | undefined {
  if (event.kind !== "node" || (event.to === "queued" && event.carriedBatches === undefined)) return undefined;
  if (event.cause === "release") return undefined; // waiting for input is not progress
  const { startedAt = event.at } = progress;
  const at = duration(event.at - startedAt).padStart(8);
  const shard = event.shard === 0 ? "" : `/${event.shard}`;
  const stored = event.batches === undefined ? "" : `, ${counted(event.batches, "batch", "batches")}`;
  const batches = event.failedBatches === undefined ? stored : `${stored}, ${event.failedBatches} set aside`;
  const carried =
    event.carriedBatches === undefined ? "" : `, ${counted(event.carriedBatches, "batch", "batches")} carried`;
  const reason = event.reasonCode === undefined ? "" : `: ${event.reasonCode}`;
  const attempt = event.cause === "claim" && event.epoch > 1 ? `, attempt ${event.epoch}` : "";
  const to = event.cause === "pause" && event.to === "deferred" ? "paused" : event.to;
  return `${at}  ${event.nodeId}${shard}  ${to}${batches}${carried}${attempt}${reason}`;
}
