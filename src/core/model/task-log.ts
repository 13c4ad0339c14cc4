import type { JsonObject } from "../../errors/index.ts";

/** The level of a log line. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Least severe first. */
export const logLevels = ["debug", "info", "warn", "error"] as const satisfies readonly LogLevel[];

/** A line that a handler logged, as it is kept with its task. */
export interface LogLine {
  /** Its number among the lines of its task, in the order in which they were stored. */
  readonly seq: number;
  /** When it was logged, by the clock of its worker; milliseconds since 1970. */
  readonly at: number;
  readonly level: LogLevel;
  readonly nodeId: string;
  readonly shard: number;
  /** The attempt that logged it. */
  readonly epoch: number;
  /** 1, 2, ... within its attempt; a gap means that lines were dropped. */
  readonly n: number;
  readonly message?: string;
  /** What the handler logged with the message, and `batchUid` within a batch. */
  readonly fields?: JsonObject;
}

export type NewLogLine = Omit<LogLine, "seq">;

/** The log lines of a task's handlers. */
export interface TaskLog {
  /** By `seq`. */
  readonly lines: readonly LogLine[];
  /** The `seq` of the next line. */
  readonly next: number;
  /** How many lines were dropped because there were too many. */
  readonly dropped: number;
}

/** How many lines are kept; the oldest are dropped. All lines of a task are one record, which each write replaces. */
export const logLimits = { perAttempt: 250, perTask: 1_000 } as const;

export const emptyLog: TaskLog = { lines: [], next: 0, dropped: 0 };

/** Adds lines that it does not have yet: a call may be repeated after an unknown outcome. */
export function appendLines(
  log: TaskLog,
  { lines, dropped }: { readonly lines: readonly NewLogLine[]; readonly dropped: number },
): TaskLog {
  const last = new Map<string, number>();
  for (const line of log.lines) last.set(attemptOf(line), Math.max(line.n, last.get(attemptOf(line)) ?? 0));
  const added = lines.filter((line) => line.n > (last.get(attemptOf(line)) ?? 0));
  if (added.length === 0) return log;
  const all = [...log.lines, ...added.map((line, index) => ({ ...line, seq: log.next + index }))];
  const kept = newest(all);
  return { lines: kept, next: log.next + added.length, dropped: log.dropped + dropped + all.length - kept.length };
}

/** The newest lines that the limits of the task and of each attempt allow, in order. */
function newest(lines: readonly LogLine[]): readonly LogLine[] {
  const counts = new Map<string, number>();
  const kept = lines.toReversed().filter((line) => {
    const key = attemptOf(line);
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return count <= logLimits.perAttempt;
  });
  return kept.slice(0, logLimits.perTask).reverse();
}

const attemptOf = ({ nodeId, shard, epoch }: NewLogLine): string => `${epoch}:${shard}:${nodeId}`;
