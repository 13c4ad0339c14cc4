import type { LogLineView, LogPage } from "./source.ts";

/** The number of lines that the store keeps of a run. */
const mostLines = 1_000;

/** The known lines, followed by the next ones. */
export function joined(known: LogPage | undefined, next: LogPage): LogPage {
  return { ...next, items: [...(known?.items ?? []), ...next.items].slice(-mostLines) };
}

/** A line, and how many lines are missing before it. */
export interface ShownLine {
  readonly line: LogLineView;
  readonly missing: number;
}

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** The lines of a level and above. Each attempt numbers its lines, so gaps show how many were dropped. */
export function shownLines(items: readonly LogLineView[], least: LogLevel): readonly ShownLine[] {
  const last = new Map<string, number>();
  const shown: ShownLine[] = [];
  let missing = 0;
  for (const line of items) {
    const attempt = `${line.epoch} ${line.shard}`;
    missing += line.n - 1 - (last.get(attempt) ?? 0);
    last.set(attempt, line.n);
    if (logLevels.indexOf(line.level) < logLevels.indexOf(least)) continue;
    shown.push({ line, missing });
    missing = 0;
  }
  return shown;
}
