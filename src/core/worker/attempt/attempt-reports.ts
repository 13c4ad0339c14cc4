import type { Checkpoint } from "../../../definitions/index.ts";
import { FlowError, isInstance, type Json } from "../../../errors/index.ts";
import { copyJson, NotJsonError } from "../../codec/index.ts";
import type { Progress, ShardRecord } from "../../model/records.ts";
import type { AttemptReport } from "../../ports/index.ts";
import type { AttemptRun } from "./attempt-run.ts";

const maxCheckpointBytes = 16 * 1024;
/** Minimum interval between writes of progress: a handler may report every row. */
const progressEveryMs = 1_000;

type ReportFields = Pick<AttemptReport, "checkpoint" | "cursors" | "progress">;

/**
 * Writes an attempt's reports into its shard's record, one at a time. Reports are numbered, so that a late one has no
 * effect, and name the generation they belong to, so that none outlives a restart.
 */
export class AttemptReports implements Checkpoint {
  readonly #run: AttemptRun;
  #generation: number;
  #checkpoint: Json | undefined;
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
  }

  /** The record was read again, or the output restarted: the record's state now applies. */
  resumeFrom({ generation, checkpoint }: Pick<ShardRecord, "generation" | "checkpoint">): void {
    this.#generation = generation;
    this.#checkpoint = checkpoint;
  }

  async get(): Promise<Json | undefined> {
    return this.#checkpoint === undefined ? undefined : copyJson(this.#checkpoint);
  }

  async set(value: Json): Promise<void> {
    await this.writeCheckpoint(checkedCheckpoint(value), this.#generation);
  }

  /** Has no effect if the output of this generation was withdrawn. */
  async writeCheckpoint(checkpoint: Json, generation: number): Promise<void> {
    await this.write({ checkpoint }, generation);
    if (generation === this.#generation) this.#checkpoint = checkpoint;
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
    this.#last = written.catch(() => {}); // the caller gets the error; the next report is written anyway
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
