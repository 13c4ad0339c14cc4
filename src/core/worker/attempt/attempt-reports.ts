import type { Checkpoint } from "../../../definitions/index.ts";
import { FlowError, isInstance, type Json } from "../../../errors/index.ts";
import { copyJson, NotJsonError } from "../../codec/index.ts";
import type { Progress, ShardRecord } from "../../model/records.ts";
import type { AttemptReport } from "../../ports/index.ts";
import type { AttemptRun } from "./attempt-run.ts";

const maxCheckpointBytes = 16 * 1024;
/** Minimum interval between writes of progress: a handler may report every row. */
const progressEveryMs = 1_000;

type ReportFields = Pick<AttemptReport, "checkpoint" | "checkpointIndex" | "cursors" | "progress" | "tries">;

/**
 * Writes an attempt's reports into its shard's record, one at a time. Reports are numbered, so that a late one has no
 * effect, and name the generation they belong to, so that none outlives a restart.
 */
export class AttemptReports implements Checkpoint {
  readonly #run: AttemptRun;
  #generation: number;
  #checkpoint: Json | undefined;
  #checkpointIndex: number | undefined;
  #number = 0;
  /** Set by the first write: most attempts report nothing. */
  #last: Promise<void> | undefined;
  /** Reported, but not written yet. */
  #progress: Progress | undefined;
  /** Set while progress is being written. */
  #writing: AbortController | undefined;

  constructor(run: AttemptRun) {
    this.#run = run;
    this.#generation = run.claimed.generation;
    this.#checkpoint = run.claimed.checkpoint;
    this.#checkpointIndex = run.claimed.checkpointIndex;
  }

  /** Called after the record was read again, or the output restarted: the record's state now applies. */
  resumeFrom(record: Pick<ShardRecord, "generation" | "checkpoint" | "checkpointIndex">): void {
    this.#generation = record.generation;
    this.#checkpoint = record.checkpoint;
    this.#checkpointIndex = record.checkpointIndex;
  }

  /** How many batches the source had yielded when it saved the checkpoint; `undefined` if that is not known. */
  get checkpointIndex(): number | undefined {
    return this.#checkpointIndex;
  }

  async get(): Promise<Json | undefined> {
    return this.#checkpoint === undefined ? undefined : copyJson(this.#checkpoint);
  }

  async set(value: Json): Promise<void> {
    await this.writeCheckpoint(checkedCheckpoint(value), this.#generation);
  }

  /** Has no effect if the output of this generation was withdrawn. */
  async writeCheckpoint(checkpoint: Json, generation: number, checkpointIndex?: number): Promise<void> {
    await this.write(checkpointIndex === undefined ? { checkpoint } : { checkpoint, checkpointIndex }, generation);
    if (generation !== this.#generation) return;
    this.#checkpoint = checkpoint;
    this.#checkpointIndex = checkpointIndex;
  }

  progress(done: number, total?: number): void {
    for (const count of [done, total]) {
      if (count !== undefined && !(Number.isFinite(count) && count >= 0)) {
        throw new TypeError(`progress must be a number of at least 0, got ${count}`);
      }
    }
    this.#progress = { done, ...(total === undefined ? {} : { total }) };
    if (this.#writing !== undefined) return;
    const writing = new AbortController();
    this.#writing = writing;
    void this.#writeProgress(writing.signal).catch((error: unknown) => this.#writeFailed(error));
  }

  /** Whether a report is not written yet. */
  get hasNews(): boolean {
    return this.#progress !== undefined;
  }

  flush(): Promise<void> {
    return this.write({});
  }

  /** The attempt has ended: nothing more is written. */
  end(): void {
    this.#progress = undefined;
    this.#writing?.abort();
  }

  /** Resolves when the report is stored. */
  write(fields: ReportFields, generation = this.#generation): Promise<void> {
    const before = this.#last ?? Promise.resolve();
    const written = before.then(() => this.#write(generation, fields));
    this.#last = written.catch(() => {}); // the caller receives the error; the next report is written anyway
    return written;
  }

  async #write(generation: number, fields: ReportFields): Promise<void> {
    const { held, retry, parts } = this.#run;
    const progress = this.#progress;
    this.#progress = undefined;
    const report = { generation, n: ++this.#number, ...fields, ...(progress === undefined ? {} : { progress }) };
    const answer = await retry.run(() => parts.store.report(held.attempt, report));
    if (answer === "cancelling") held.cancel();
    else if (answer === "fenced") held.abandon("fenced");
  }

  async #writeProgress(ended: AbortSignal): Promise<void> {
    while (this.#progress !== undefined) {
      await this.write({});
      await this.#run.parts.clock.sleep(progressEveryMs, ended);
    }
    this.#writing = undefined;
  }

  #writeFailed(error: unknown): void {
    this.#writing = undefined;
    const { logger } = this.#run.parts;
    const fields = { ...this.#run.held.attempt, err: error };
    if (FlowError.is(error, "STORE_UNAVAILABLE")) logger.warn(fields, "progress could not be stored");
    else logger.error(fields, "storing progress failed");
  }
}

interface Tried {
  readonly failed: number;
  /** Monotonic time before which the batch is not tried again. */
  readonly dueAt: number;
}

/** More than an attempt has open: batches that earlier attempts left open may come later, or never. */
const minTriesKept = 1_000;
const triesKeptPerSlot = 8;

/**
 * Counts the failed tries of batches that are neither stored nor set aside. A failure is stored before the next try
 * begins, so a crash does not reset the count. A try that a crash ends is not counted; the lost lease is.
 */
export class TryCounts {
  readonly #run: AttemptRun;
  readonly #reports: AttemptReports;
  readonly #maxKept: number;
  #generation: number;
  /** Created on demand: most attempts have no failed try. */
  #tried: Map<string, Tried> | undefined;
  #writing: Promise<void> | undefined;
  /** Starts after the write in progress, and includes everything reported until then. */
  #nextWrite: Promise<void> | undefined;

  constructor(run: AttemptRun, options: { readonly reports: AttemptReports; readonly concurrency: number }) {
    this.#run = run;
    this.#reports = options.reports;
    this.#maxKept = Math.max(minTriesKept, triesKeptPerSlot * options.concurrency);
    const { tries, lease, generation } = run.claimed;
    this.#generation = generation;
    if (tries === undefined) return;
    const { clock, limits } = run.parts;
    const claimedAt = (lease?.deadline ?? 0) - limits.leaseMs; // by the store's clock
    const now = clock.monotonic();
    const resumed = ({ failed, dueAt }: Tried) => ({ failed, dueAt: now + Math.max(0, dueAt - claimedAt) });
    this.#tried = new Map(Object.entries(tries).map(([uid, tried]) => [uid, resumed(tried)]));
  }

  of(uid: string): Tried | undefined {
    return this.#tried?.get(uid);
  }

  /** Resolves when the batch's number of failures is stored. */
  failed(uid: string, tried: Tried): Promise<void> {
    this.#tried ??= new Map();
    this.#tried.delete(uid);
    this.#tried.set(uid, tried);
    for (const oldest of this.#tried.keys()) {
      if (this.#tried.size <= this.#maxKept) break;
      this.#tried.delete(oldest);
    }
    this.#nextWrite ??= (this.#writing ?? Promise.resolve()).then(() => this.#write());
    return this.#nextWrite;
  }

  /** The batch is stored. */
  over(uid: string): void {
    this.#tried?.delete(uid);
  }

  /** Tries belong to an output, and are withdrawn with it. */
  resumeFrom(generation: number): void {
    if (generation !== this.#generation) this.#tried?.clear();
    this.#generation = generation;
  }

  #write(): Promise<void> {
    this.#nextWrite = undefined;
    const now = this.#run.parts.clock.monotonic();
    const delayed = ({ failed, dueAt }: Tried) => ({ failed, delayMs: Math.max(0, dueAt - now) });
    const tries = Object.fromEntries([...(this.#tried ?? [])].map(([uid, tried]) => [uid, delayed(tried)]));
    const written = this.#reports.write({ tries }, this.#generation);
    this.#writing = written.catch(() => {}); // the batches receive the error
    return written;
  }
}

/** A copy of the value. @throws TypeError if it is not JSON, or too large */
export function checkedCheckpoint(value: Json): Json {
  let copy: Json;
  try {
    copy = copyJson(value);
  } catch (error) {
    if (!isInstance(error, NotJsonError)) throw error;
    throw new TypeError(`a checkpoint must be JSON: ${error.message}`);
  }
  const bytes = new TextEncoder().encode(JSON.stringify(copy)).byteLength;
  if (bytes <= maxCheckpointBytes) return copy;
  throw new TypeError(`a checkpoint is limited to ${maxCheckpointBytes} bytes of JSON, this one has ${bytes}`);
}
