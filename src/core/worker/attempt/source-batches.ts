import type { Checkpoint, SourceBatch } from "../../../definitions/index.ts";
import type { Json } from "../../../errors/index.ts";
import { copyJson } from "../../codec/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import type { Answer } from "../../ports/index.ts";
import { shardOf } from "../input/index.ts";
import { AttemptAborted, type Stoppable } from "./attempt-handle.ts";
import type { AttemptLog } from "./attempt-log.ts";
import { type AttemptReports, checkedCheckpoint } from "./attempt-reports.ts";

const maxUidLength = 512;

type Step = IteratorResult<SourceBatch<unknown>>;

export interface NumberedBatch {
  readonly uid: string;
  /** Its index among all batches of the source, including those before a checkpoint. */
  readonly index: number;
  readonly payload: unknown;
}

/**
 * The batches of a source's `iterBatches` for this shard, one at a time. Synchronous if the source is: an asynchronous
 * generator would cost several promises a batch.
 */
export class SourceBatches {
  readonly #iterator: AsyncIterator<SourceBatch<unknown>> | Iterator<SourceBatch<unknown>>;
  readonly #held: Stoppable;
  readonly #partitions: number;
  readonly #checkpoint: Pick<SourceCheckpoint, "isUsed" | "index">;
  /** Not inside `next`: only then can the iterator be closed. */
  #isIdle = true;
  #isOver = false;

  constructor(options: {
    readonly batches: AsyncIterable<SourceBatch<unknown>> | Iterable<SourceBatch<unknown>>;
    readonly held: Stoppable;
    readonly partitions: number;
    readonly checkpoint: Pick<SourceCheckpoint, "isUsed" | "index">;
  }) {
    const { batches } = options;
    this.#iterator = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
    this.#held = options.held;
    this.#partitions = options.partitions;
    this.#checkpoint = options.checkpoint;
  }

  /** The next batch; `undefined`: the source has ended. */
  next(): Answer<NumberedBatch | undefined> {
    for (;;) {
      const next = this.#ask();
      if ("then" in next) return this.#after(next);
      const batch = this.#batchOf(next);
      if (batch !== undefined || this.#isOver) return batch;
    }
  }

  /** The batches were left because of this error, which also stands if the source fails to close. */
  async leave(error: unknown): Promise<never> {
    try {
      const closing = this.#isIdle && !this.#isOver ? this.#iterator.return?.() : undefined;
      if (closing !== undefined && "then" in closing) await this.#held.run(closing);
    } catch {} // as in a `for await` loop, the first error is the cause
    throw error;
  }

  #ask(): Step | Promise<Step> {
    this.#held.check();
    this.#isIdle = false;
    return this.#iterator.next();
  }

  async #after(first: Promise<Step>): Promise<NumberedBatch | undefined> {
    for (let next: Step | Promise<Step> = first; ; next = this.#ask()) {
      // A pending `next` is handler code: it is not awaited once the attempt is abandoned.
      const step = "then" in next ? await this.#held.whileIdle(this.#held.run(next)) : next;
      const batch = this.#batchOf(step);
      if (batch !== undefined || this.#isOver) return batch;
    }
  }

  /** `undefined` if there is none, or it belongs to another shard. */
  #batchOf(step: Step): NumberedBatch | undefined {
    this.#isIdle = true;
    this.#isOver = step.done === true;
    if (step.done === true) return undefined;
    const index = this.#checkpoint.index++;
    const { value: batch } = step;
    const uid = uidOf(batch, index, this.#checkpoint);
    if (shardOf(uid, this.#partitions) !== this.#held.attempt.shard) return undefined;
    return { uid, index, payload: batch.payload };
  }
}

/** Pages read ahead of a source that does not repeat the order of its log. */
const maxPagesAhead = 8;

/**
 * The uids that earlier attempts have stored. A source usually repeats the order of its log, so the log is read ahead,
 * one page of uids at a time, instead of the source: no batch waits for later ones. A uid that is not among those read
 * is looked up individually until the whole log has been read.
 */
export class StoredUids {
  readonly #log: AttemptLog;
  readonly #pageSize: number;
  /** At the start of the attempt. Its own appends are not looked up: a repeated uid among them is an error. */
  readonly #length: number;
  readonly #ahead = new Set<string>();
  #readTo = 0;

  constructor(log: AttemptLog, pageSize: number) {
    this.#log = log;
    this.#pageSize = pageSize;
    this.#length = log.length;
  }

  has(uid: string): boolean | Promise<boolean> {
    if (this.#ahead.delete(uid)) return true;
    return this.#readTo < this.#length && this.#look(uid);
  }

  async #look(uid: string): Promise<boolean> {
    while (this.#readTo < this.#length && this.#ahead.size < maxPagesAhead * this.#pageSize) {
      const page = await this.#log.readUids(this.#readTo, Math.min(this.#pageSize, this.#length - this.#readTo));
      if (page.length === 0) break;
      this.#readTo += page.length;
      for (const each of page) this.#ahead.add(each);
      if (this.#ahead.delete(uid)) return true;
    }
    return this.#readTo < this.#length && this.#log.has(uid);
  }
}

/**
 * The checkpoint as `iterBatches` sees it. It defines where the next attempt begins, so it is written only after every
 * batch that was yielded before it is stored, and never if one of them fails.
 */
export class SourceCheckpoint implements Checkpoint {
  readonly #reports: AttemptReports;
  readonly #generation: number;
  readonly #stored: () => Promise<boolean>;
  readonly #afterLast: number;
  #before: Promise<void> = Promise.resolve();
  /** The index of the next batch of the source. */
  index = 0;
  #unwritten: { readonly checkpoint: Json } | undefined;
  #isUsed = false;

  constructor(options: {
    readonly reports: AttemptReports;
    /** The generation that it belongs to. */
    readonly generation: number;
    /** Resolves when the batches yielded so far are stored; false, or an error, if one of them will not be. */
    readonly stored: () => Promise<boolean>;
    /** An index after those of all stored batches. */
    readonly afterLast: number;
  }) {
    this.#reports = options.reports;
    this.#generation = options.generation;
    this.#stored = options.stored;
    this.#afterLast = options.afterLast;
  }

  /** The source may have started at a saved checkpoint, or a later attempt will. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  async get(): Promise<Json | undefined> {
    this.#isUsed = true;
    if (this.#unwritten !== undefined) return copyJson(this.#unwritten.checkpoint);
    const saved = await this.#reports.get();
    // The source starts where the checkpoint was saved.
    if (saved !== undefined) this.index = Math.max(this.index, this.#reports.checkpointIndex ?? this.#afterLast);
    return saved;
  }

  set(value: Json): Promise<void> {
    this.#isUsed = true;
    let checkpoint: Json;
    try {
      checkpoint = checkedCheckpoint(value);
    } catch (error) {
      return Promise.reject(error);
    }
    const written = this.#write({ checkpoint, index: this.index });
    written.catch(() => {}); // a failed batch must not end the process if nothing awaits this promise
    return written;
  }

  /** In the order of the calls, regardless of which batch is stored first. */
  #write(unwritten: { readonly checkpoint: Json; readonly index: number }): Promise<void> {
    this.#unwritten = unwritten;
    const stored = this.#stored();
    stored.catch(() => {}); // awaited later
    const written = this.#before.then(() => this.#writeWhen(stored, unwritten));
    this.#before = written.catch(() => {});
    return written;
  }

  async #writeWhen(
    stored: Promise<boolean>,
    unwritten: { readonly checkpoint: Json; readonly index: number },
  ): Promise<void> {
    if (!(await stored)) throw new AttemptAborted("a batch before this checkpoint was not stored");
    await this.#reports.writeCheckpoint(unwritten.checkpoint, this.#generation, unwritten.index);
    if (this.#unwritten === unwritten) this.#unwritten = undefined;
  }
}

function uidOf(batch: SourceBatch<unknown>, index: number, checkpoint: Pick<SourceCheckpoint, "isUsed">): string {
  if (typeof batch !== "object" || batch === null || !("payload" in batch)) {
    throw new AttemptError("bad_input", `iterBatches must yield { payload, uid? }: batch ${index} has no payload`);
  }
  if (batch.uid === undefined && checkpoint.isUsed) {
    // Counted from where an attempt starts, uids would name different batches each time, and new batches would be
    // mistaken for stored ones.
    throw new AttemptError("bad_input", `batch ${index} needs a uid: iterBatches uses ctx.checkpoint`);
  }
  const { uid = String(index) } = batch;
  if (typeof uid !== "string" || uid.length === 0 || uid.length > maxUidLength || !uid.isWellFormed()) {
    throw new AttemptError(
      "bad_input",
      `the uid of batch ${index} must be a well-formed string of 1 to ${maxUidLength} characters`,
    );
  }
  return uid;
}
