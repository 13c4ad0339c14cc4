import type { Logger } from "../../definitions/index.ts";
import { FlowError, type JsonObject, jsonReplacer, loggable, thrownMessage } from "../../errors/index.ts";
import { traceIdOf } from "../messages/messages.ts";
import type { Attempt } from "../model/records.ts";
import {
  appendLines,
  emptyLog,
  type LogLevel,
  logLevels,
  logLimits,
  type NewLogLine,
  type TaskLog,
} from "../model/task-log.ts";
import type { Clock, WorkerStore } from "../ports/index.ts";
import type { Supervisor } from "../resilience/supervisor.ts";
import type { WorkerParts } from "./attempt/worker-options.ts";

const flushEveryMs = 500;
/** A write replaces all lines of a task and may compete with other workers, so writing is limited to a fraction of the time. */
const restFactor = 10;

const maxMessage = 1_000;
const maxFields = 2_000;

/** The loggers of handlers. */
export class HandlerLoggers {
  readonly #parts: WorkerParts;
  readonly #supervisor: Supervisor;
  /** Created on demand: most handlers log nothing. */
  #logs: HandlerLogs | undefined;

  constructor(parts: WorkerParts, supervisor: Supervisor) {
    this.#parts = parts;
    this.#supervisor = supervisor;
  }

  of(attempt: Attempt, task: { readonly traceparent: string | undefined }): Logger {
    const { store, clock, logger, telemetry, keepLogs = "info" } = this.#parts;
    const { taskId, nodeId, epoch } = attempt;
    const base = logger.child({ taskId, nodeId, epoch, ...traceIdOf(task) });
    // With external coordinators, the database belongs to other programs.
    if (keepLogs === false || store.retriesAttempts === true) return base;
    this.#logs ??= new HandlerLogs({ store, clock, logger, supervisor: this.#supervisor, least: keepLogs });
    const kept = this.#logs.over(base, attempt);
    return telemetry?.logger(kept) ?? kept;
  }

  /** Starts to store the lines of a task, so that they are likely to be stored before any later write. */
  flush(taskId: string): void {
    this.#logs?.flush(taskId);
  }

  /** Stores the remaining lines, once no handler runs any more. Never rejects. */
  async close(): Promise<void> {
    await this.#logs?.close();
  }
}

interface HandlerLogsParts {
  readonly store: WorkerStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly supervisor: Supervisor;
  /** The lowest level that is kept. */
  readonly least: LogLevel;
}

/**
 * Keeps what handlers log with their task in the store. Lines are collected and written together, in the background:
 * handlers do not wait for that, and its failure does not fail an attempt.
 */
class HandlerLogs {
  readonly #parts: HandlerLogsParts;
  /** By task, the attempts with lines that are not stored. */
  readonly #pending = new Map<string, Set<AttemptLines>>();
  /** By task. A task's lines are written by one call at a time. */
  readonly #writing = new Map<string, Promise<void>>();
  #isFlushing = false;
  #isFailing = false;
  #tookMs = 0;

  constructor(parts: HandlerLogsParts) {
    this.#parts = parts;
  }

  /** A logger for an attempt's handler: `base`, whose lines are kept, too. */
  over(base: Logger, attempt: Attempt): Logger {
    const { clock, least } = this.#parts;
    const lines = new AttemptLines(attempt, () => this.#add(attempt.taskId, lines));
    const keeps = logLevels.slice(logLevels.indexOf(least));
    return keepingLogger(base, [], (level, fields, message) => {
      if (keeps.includes(level)) lines.add({ at: clock.now(), level, ...contentOf(fields, message) });
    });
  }

  flush(taskId: string): void {
    if (this.#pending.has(taskId)) this.#parts.supervisor.spawn("logs", () => this.#write(taskId));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pending.keys()].map((taskId) => this.#write(taskId)));
    await Promise.all(this.#writing.values());
    const lost = [...this.#pending.values()].flatMap((attempts) => [...attempts]).reduce((n, { size }) => n + size, 0);
    if (lost > 0) this.#parts.logger.warn({ lines: lost }, "log lines of handlers could not be stored before the stop");
    this.#pending.clear();
  }

  #add(taskId: string, lines: AttemptLines): void {
    const attempts = this.#pending.get(taskId) ?? new Set();
    this.#pending.set(taskId, attempts.add(lines));
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#parts.supervisor.spawn("logs", () => this.#flushRegularly());
  }

  async #flushRegularly(): Promise<void> {
    const { clock, supervisor } = this.#parts;
    while (this.#pending.size > 0 && !supervisor.signal.aborted) {
      await clock.sleep(Math.max(flushEveryMs, restFactor * this.#tookMs), supervisor.signal);
      const began = clock.monotonic();
      await Promise.all([...this.#pending.keys()].map((taskId) => this.#write(taskId)));
      this.#tookMs = clock.monotonic() - began;
    }
    this.#isFlushing = false;
  }

  async #write(taskId: string): Promise<void> {
    for (let earlier = this.#writing.get(taskId); earlier !== undefined; earlier = this.#writing.get(taskId)) {
      await earlier;
    }
    const attempts = this.#pending.get(taskId);
    if (attempts === undefined) return;
    this.#pending.delete(taskId);
    const writing = this.#store(taskId, [...attempts]).finally(() => this.#writing.delete(taskId));
    this.#writing.set(taskId, writing);
    await writing;
  }

  /** Never rejects. */
  async #store(taskId: string, attempts: readonly AttemptLines[]): Promise<void> {
    const { logger } = this.#parts;
    const taken = attempts.map((attempt) => ({ attempt, ...attempt.take() }));
    const lines = taken.flatMap((each) => each.lines).sort((a, b) => a.at - b.at || a.n - b.n);
    const dropped = taken.reduce((sum, each) => sum + each.dropped, 0);
    try {
      await this.#append(taskId, { lines, dropped });
      this.#isFailing = false;
    } catch (error) {
      const isRetried = FlowError.is(error, "STORE_UNAVAILABLE");
      if (isRetried) for (const { attempt, ...back } of taken) attempt.putBack(back);
      if (!this.#isFailing) {
        const follows = isRetried ? "will retry" : "they are lost";
        logger.warn({ taskId, err: loggable(error) }, `log lines of handlers could not be stored; ${follows}`);
      }
      this.#isFailing = true;
    }
  }

  async #append(taskId: string, added: Parameters<typeof appendLines>[1]): Promise<void> {
    const { store } = this.#parts;
    const key = { kind: "task_log", id: taskId } as const;
    const isNew = await store.updateEntry(key, (entry) => {
      const log = (entry?.value as TaskLog | undefined) ?? emptyLog;
      const value = appendLines(log, added);
      return { answer: entry === undefined, ...(value === log ? {} : { next: { value } }) };
    });
    // The task may have been deleted together with its log before this write.
    if (!isNew || (await store.readTask(taskId)) !== undefined) return;
    await store.updateEntry(key, () => ({ answer: undefined, next: null }));
  }
}

type Taken = { readonly lines: readonly NewLogLine[]; readonly dropped: number };

/** Lines of an attempt that are not stored yet: no more than would be kept. */
class AttemptLines {
  readonly #place: Pick<NewLogLine, "nodeId" | "shard" | "epoch">;
  readonly #onLine: () => void;
  #lines: NewLogLine[] = [];
  #last = 0;
  #dropped = 0;

  constructor({ nodeId, shard, epoch }: Attempt, onLine: () => void) {
    this.#place = { nodeId, shard, epoch };
    this.#onLine = onLine;
  }

  get size(): number {
    return this.#lines.length;
  }

  add(line: Omit<NewLogLine, "n" | "nodeId" | "shard" | "epoch">): void {
    this.#lines.push({ ...line, ...this.#place, n: ++this.#last });
    this.#trim();
    this.#onLine();
  }

  take(): Taken {
    const taken = { lines: this.#lines, dropped: this.#dropped };
    this.#lines = [];
    this.#dropped = 0;
    return taken;
  }

  /** Called if they could not be stored. */
  putBack({ lines, dropped }: Taken): void {
    this.#lines.unshift(...lines);
    this.#dropped += dropped;
    this.#trim();
    this.#onLine();
  }

  #trim(): void {
    const excess = this.#lines.length - logLimits.perAttempt;
    if (excess <= 0) return;
    this.#lines.splice(0, excess);
    this.#dropped += excess;
  }
}

type Keep = (level: LogLevel, fields: readonly object[], message: string | undefined) => void;

function keepingLogger(base: Logger, bound: readonly object[], keep: Keep): Logger {
  const at = (level: LogLevel) => (fields: object, message?: string) => {
    base[level](fields, message);
    // As with pino, the message may be the only argument.
    if (typeof fields === "string") keep(level, bound, fields);
    else keep(level, [...bound, fields], message);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => keepingLogger(base.child(fields), [...bound, fields], keep),
  };
}

/** A copy, since the handler may change its objects; and bounded. */
function contentOf(fields: readonly object[], message: string | undefined): Pick<NewLogLine, "message" | "fields"> {
  const text = fieldsText(fields);
  return {
    ...(message === undefined ? {} : { message: cut(String(message), maxMessage) }),
    ...(text === "{}" ? {} : { fields: fieldsOf(text) }),
  };
}

function fieldsText(fields: readonly object[]): string {
  try {
    return JSON.stringify(Object.assign({}, ...fields), jsonReplacer());
  } catch (error) {
    return JSON.stringify({ unreadable: thrownMessage(error) });
  }
}

const fieldsOf = (text: string): JsonObject =>
  text.length > maxFields ? { truncated: cut(text, maxFields) } : JSON.parse(text);

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most)}...` : text);
