import type { NodeStatus } from "../../engine/api.ts";
import type { Terminal } from "../terminal.ts";
import { counted, duration } from "../wording.ts";
import type { NodeProgress } from "./progress.ts";

const marks = {
  queued: ["dim", "·"],
  running: ["cyan", "▸"],
  deferred: ["yellow", "↻"],
  cancelling: ["yellow", "▸"],
  finished: ["green", "✔"],
  failed: ["red", "✘"],
  cancelled: ["yellow", "■"],
} as const satisfies Record<NodeStatus, readonly [string, string]>;

export interface NodeLineOptions {
  /** Of the longest node id. */
  readonly idWidth: number;
  readonly now: number;
  /** Cut to so many columns: a line that wraps can't be redrawn. */
  readonly columns: number;
}

/** A node on one line: state, batches, rate, retries, elapsed time. */
export function nodeLine(terminal: Terminal, node: NodeProgress, options: NodeLineOptions): string {
  const { status, batches, retries, said, startedAt } = node;
  const [style, mark] = marks[status];
  const elapsedMs = startedAt === undefined ? undefined : Math.max(0, (node.endedAt ?? options.now) - startedAt);
  const cells = [
    node.id.padEnd(options.idWidth),
    status.padEnd(10),
    (elapsedMs === undefined ? "" : counted(batches, "batch", "batches")).padStart(13),
    rate(batches, elapsedMs).padStart(9),
    (elapsedMs === undefined ? "" : duration(elapsedMs)).padStart(8),
    ...(retries === 0 ? [] : [counted(retries, "retry", "retries")]),
    ...(said === undefined ? [] : [said.total === undefined ? `${said.done}` : `${said.done}/${said.total}`]),
  ];
  return `${terminal.styled(style, mark)} ${cells
    .join("  ")
    .slice(0, Math.max(0, options.columns - 3))
    .trimEnd()}`;
}

function rate(batches: number, elapsedMs: number | undefined): string {
  if (elapsedMs === undefined || elapsedMs < 100 || batches === 0) return "";
  const perSecond = (batches / elapsedMs) * 1000;
  return `${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString("en")}/s`;
}
