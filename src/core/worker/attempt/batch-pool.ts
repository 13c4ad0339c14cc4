import { FlowError, isInstance } from "../../../errors/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import type { BatchFailure, Failure } from "../../model/records.ts";
import { retryDelayMs } from "../../plan/index.ts";
import type { Answer, AttemptTrace } from "../../ports/index.ts";
import { isPending } from "../../resilience/store-retry.ts";
import { AttemptEnded, wakeUp } from "./attempt-handle.ts";
import type { BatchOutcome } from "./attempt-log.ts";
import { logFailure } from "./attempt-run.ts";
import { type IncomingBatch, keptPayload } from "./batch-runner.ts";
import { classifyFailure } from "./failure.ts";
import {
  Alarm,
  BatchFailed,
  type BatchPoolOptions,
  Changes,
  type OpenBatch,
  type OutcomeListener,
  OutcomeQueue,
} from "./outcome-queue.ts";
import { TryTimedOut } from "./timed-try.ts";

/** Limit of open batches: in progress, processed but not stored, or waiting for their next try. */
const minOpen = 128;
const openPerSlot = 4;

/**
 * The batches of one attempt, which are independent: one that fails waits for its next try while the others continue,
 * and each is stored when it is done, or under `ordered` when those before it are stored. Appends never overlap.
 *
 * A batch that fails for good is set aside if the node does that. Otherwise it ends the input and aborts the signal of
 * the others; what they still return is stored. Nothing else continues until all of them have ended.
 */
export class BatchPool implements OutcomeListener {
  readonly #options: BatchPoolOptions;
  readonly #outcomes: OutcomeQueue;
  readonly #maxOpen: number;
  /** In the order of the input. */
  readonly #open = new Set<OpenBatch>();
  /** Created on demand, as the alarm is: in most attempts no try fails. */
  #waiting: Set<OpenBatch> | undefined;
  #processing = 0;
  /** Failed tries that are being classified and stored. */
  #failing = 0;
  /** No further tries: the input has ended early. */
  #isLeaving = false;
  #alarm: Alarm | undefined;
  readonly #changes = new Changes();
  #listens = false;

  constructor(options: BatchPoolOptions) {
    this.#options = options;
    const { concurrency, run, leftover } = options;
    this.#outcomes = new OutcomeQueue(options, this.#open, this);
    if (leftover !== undefined) leftover.onReturn = () => this.changed();
    this.#maxOpen = run.node.batches.ordered ? 2 * concurrency : Math.max(minOpen, openPerSlot * concurrency);
  }

  /** Resolves when there is room for another batch; `undefined`: there is. */
  process(batch: IncomingBatch): Promise<void> | undefined {
    this.#options.part.checkMayBegin();
    return this.#isBusy ? this.#processLater(batch) : this.#begin(batch);
  }

  async #processLater(batch: IncomingBatch): Promise<void> {
    while (this.#isBusy && !this.isOver) await this.#nextChange(); // a retried batch may have taken the slot
    this.#options.part.checkMayBegin();
    await this.#begin(batch);
  }

  #begin(batch: IncomingBatch): Promise<void> | undefined {
    const { run, log, tries, concurrency } = this.#options;
    const tried = tries.of(batch.uid);
    const open: OpenBatch = {
      batch,
      failed: tried?.failed ?? 0,
      dueAt: tried?.dueAt ?? 0,
      awaitsToken: false,
      outcome: undefined,
    };
    this.#open.add(open);
    if (batch.isOnly !== true || log.length > 0) log.take(batch.origin); // no other batch could list it as open
    if (tried !== undefined && tried.dueAt > run.parts.clock.monotonic()) this.#wait(open);
    else {
      const trying = this.#try(open);
      if (concurrency === 1 && trying !== undefined) return trying.then(() => this.#begun(open));
    }
    return this.#begun(open);
  }

  #begun(open: OpenBatch): Promise<void> | undefined {
    if (this.#awaitsRoom(open)) return this.#untilRoom(open);
    this.#options.part.check();
    return undefined;
  }

  async #untilRoom(open: OpenBatch): Promise<void> {
    while (this.#awaitsRoom(open)) await this.#nextChange();
    this.#options.part.check();
  }

  /** Without concurrency, a batch that waits for a token must also be stored before the source is asked for the next. */
  #awaitsRoom(open: OpenBatch): boolean {
    const isHeld = this.#options.concurrency === 1 && open.awaitsToken && this.#open.has(open);
    return (this.#isFull || isHeld) && !this.isOver;
  }

  /** Resolves when all batches so far are stored; false if one of them will not be. */
  async stored(): Promise<boolean> {
    const batches = [...this.#open];
    const isOpen = () => batches.some((open) => this.#open.has(open));
    // The input has not ended, but may be blocked until this resolves.
    while (isOpen() && !this.isOver) await this.#nextChange({ inputMayContinue: true });
    return !isOpen();
  }

  /** Resolves when all batches are stored; `undefined`: they are. @throws what ended them */
  drain(): Promise<void> | undefined {
    if (this.#open.size > 0) return this.#drain();
    this.#options.part.check();
    return undefined;
  }

  async #drain(): Promise<void> {
    while (this.#open.size > 0 && !this.isOver) await this.#nextChange();
    if (this.#open.size > 0) await this.#finishTries();
    this.#options.part.check();
  }

  /** Begins no further tries. Resolves when none is in progress. @throws what ended the batches */
  async finishTries(): Promise<void> {
    await this.#finishTries();
    this.#options.part.check();
  }

  /** The input ended with this error. Batches in progress came before it, so an error of theirs takes precedence. */
  async leave(error: unknown): Promise<never> {
    const { part } = this.#options;
    await this.#finishTries();
    if (part.stopped !== undefined) throw part.stopped.error;
    const dueInMs = this.#firstDue()?.inMs;
    part.stop(error);
    this.changed();
    const isStarving = isInstance(error, AttemptEnded) && error.reason === "starving";
    throw isStarving ? new AttemptEnded("starving", dueInMs) : error;
  }

  /** Tries that end now were ended by something else, such as a cancel or another batch. */
  get isOver(): boolean {
    const { part, run } = this.#options;
    return part.stopped !== undefined || run.held.reason !== undefined;
  }

  /** Includes outputs that wait to be stored, so that they do not accumulate behind a slow store or consumer. */
  get #isBusy(): boolean {
    const { concurrency, leftover } = this.#options;
    return this.#processing + (leftover?.count ?? 0) >= concurrency || this.#outcomes.length >= concurrency;
  }

  get #isFull(): boolean {
    return this.#isBusy || this.#open.size >= this.#maxOpen || this.#awaitsToken;
  }

  /** A batch waits for a token: those after it would wait, too. */
  get #awaitsToken(): boolean {
    return (
      this.#options.run.takeToken !== undefined && [...(this.#waiting ?? [])].some(({ awaitsToken }) => awaitsToken)
    );
  }

  /** No try is in progress, nor the handling of its outcome. */
  get #isIdle(): boolean {
    return this.#processing === 0 && this.#failing === 0 && !this.#outcomes.isStoring;
  }

  async #finishTries(): Promise<void> {
    this.#isLeaving = true;
    this.#alarm?.clear();
    while (!this.#isIdle) await this.#changes.next();
  }

  /** Resolves at the next change. If all open batches have long to wait, the attempt releases its slot. */
  async #nextChange({ inputMayContinue = false } = {}): Promise<void> {
    const { run, part, mayStay, leftover, concurrency } = this.#options;
    const { clock, limits } = run.parts;
    const isIdle = this.#isIdle;
    if (isIdle && leftover !== undefined && leftover.count >= concurrency) return this.#waitForSlot();
    const due = isIdle ? this.#firstDue() : undefined;
    if (due === undefined) return this.#changes.next();
    part.checkMayBegin();
    const { awaitsToken } = due.open;
    const idle = <T>(wait: () => Promise<T>) =>
      awaitsToken ? run.untimed(() => part.whileIdle(wait())) : part.whileIdle(wait());
    // A wait must not count as a timeout either.
    const remainingMs = awaitsToken ? undefined : run.remainingMs();
    const isLong = due.inMs > Math.min(limits.starveMs, remainingMs ?? Number.POSITIVE_INFINITY);
    if (!isLong) return idle(() => this.#changes.next());
    const before = this.#changes.count;
    // Waiting here for a token costs less than starting again, if nothing else could use the slot.
    const wouldLoseWork = (this.#waiting?.size ?? 0) < this.#open.size || awaitsToken;
    if (inputMayContinue || (await mayStay(wouldLoseWork))) {
      const woken = new AbortController();
      const sleeping = clock.sleep(limits.starveMs, woken.signal);
      await idle(() => Promise.race([this.#changes.next(), sleeping])).finally(() => woken.abort(wakeUp));
      if (!inputMayContinue || (await mayStay(wouldLoseWork))) return;
    }
    if (this.#changes.count === before) this.#stop(new AttemptEnded("waiting", this.#firstDue()?.inMs));
  }

  /** Code that ignores its signal occupies all slots: stops, so that another attempt can continue in its own slots. */
  async #waitForSlot(): Promise<void> {
    const { run, runtime, part, log } = this.#options;
    const { clock, limits } = run.parts;
    part.checkMayBegin();
    const woken = new AbortController();
    const sleeping = clock.sleep(limits.starveMs, woken.signal).then(() => "stuck" as const);
    const waited = await part
      .whileIdle(Promise.race([this.#changes.next(), sleeping]))
      .finally(() => woken.abort(wakeUp));
    if (waited !== "stuck") return;
    // An attempt that cannot resume would start over and might never end, so it fails, which is counted.
    const startsOver = !runtime.definition.resumable && log.length > 0;
    const message = "tries that exceeded their time limit do not return, and occupy all slots of the attempt";
    this.#stop(
      startsOver ? new AttemptError("timeout", message, { permanent: false }) : new AttemptEnded("waiting", 0),
    );
  }

  /** The batch that is tried next, and when. */
  #firstDue(): { readonly open: OpenBatch; readonly inMs: number } | undefined {
    let first: OpenBatch | undefined;
    for (const open of this.#waiting ?? []) if (first === undefined || open.dueAt < first.dueAt) first = open;
    if (first === undefined) return undefined;
    return { open: first, inMs: Math.max(0, first.dueAt - this.#options.run.parts.clock.monotonic()) };
  }

  /** Runs one try. Never rejects. `undefined`: it is done. */
  #try(open: OpenBatch): Promise<void> | undefined {
    const { run } = this.#options;
    this.#processing++;
    return run.takeToken === undefined ? this.#tryNow(open) : this.#tryWithToken(open, run.takeToken);
  }

  #tryNow(open: OpenBatch): Promise<void> | undefined {
    const { run } = this.#options;
    // The span of an attempt that has one batch only is also that of its tries.
    const trace = open.batch.isOnly === true ? run.trace : run.traced();
    let outcome: Answer<BatchOutcome>;
    try {
      outcome = trace === undefined ? this.tryOnce(open) : trace.try(open, this);
    } catch (error) {
      return this.#tryFailed(open, error, trace);
    }
    if (!isPending(outcome)) return this.#tryDone(open, outcome);
    return outcome.then(
      (value) => this.#tryDone(open, value),
      (error: unknown) => this.#tryFailed(open, error, trace),
    );
  }

  async #tryWithToken(open: OpenBatch, takeToken: () => Promise<number>): Promise<void> {
    let inMs: number;
    try {
      inMs = await takeToken();
    } catch (error) {
      this.#processing--;
      await this.refused(open, error);
      return this.changed();
    }
    if (inMs === 0) return this.#tryNow(open);
    this.#processing--;
    open.awaitsToken = true;
    open.dueAt = this.#options.run.parts.clock.monotonic() + inMs;
    this.#wait(open);
  }

  #tryDone(open: OpenBatch, outcome: BatchOutcome): Promise<void> | undefined {
    this.#processing--;
    this.#options.run.processed++;
    open.outcome = outcome;
    const storing = this.#outcomes.add(open);
    if (storing === undefined) this.changed();
    return storing?.then(() => this.changed());
  }

  async #tryFailed(open: OpenBatch, error: unknown, trace: AttemptTrace | undefined): Promise<void> {
    this.#processing--;
    if (!this.isOver) this.#options.run.tryFailed(open, error, trace);
    if (isInstance(error, TryTimedOut)) this.#options.leftover?.add(error);
    await this.refused(open, error);
    this.changed();
  }

  tryOnce({ batch, failed }: OpenBatch): Answer<BatchOutcome> {
    return this.#options.runner.process(batch, failed + 1);
  }

  /** A try failed: the next one follows, or the batch has failed for good. Never rejects. */
  async refused(open: OpenBatch, error: unknown): Promise<void> {
    if (this.isOver || isInstance(error, AttemptEnded) || FlowError.is(error, "STORE_UNAVAILABLE")) {
      return this.failed(open, error); // not the batch's fault
    }
    this.#failing++;
    try {
      await this.#count(open, error);
    } catch (other) {
      this.failed(open, other);
    }
    this.#failing--;
  }

  /** Stored before the next try begins, so that no crash resets the count. */
  async #count(open: OpenBatch, error: unknown): Promise<void> {
    const { run, runtime, tries } = this.#options;
    const { node, parts, held, code } = run;
    const { uid } = open.batch;
    const thrown = { error, attempt: held.attempt, at: { batchUid: uid }, handler: runtime.definition };
    const { failure, permanent, afterMs } = await code.run(() => classifyFailure(thrown));
    open.failed++;
    const isPermanent = permanent || node.retry.permanentOn.includes(failure.reasonCode);
    const retriesAttempts = parts.store.retriesAttempts === true; // a wrapper may return a method for any name
    if (isPermanent || retriesAttempts || open.failed >= node.retry.maxFailures) {
      const tried = { ...failure, tries: open.failed };
      if (node.batches.setsAside && failure.reasonCode !== "duplicate_uid") {
        logFailure(run, tried, "a batch failed for good; set aside");
        run.traced()?.setAside(failure.reasonCode);
        return this.#setAside(open, tried);
      }
      return this.failed(
        open,
        new BatchFailed({ failure: tried, permanent: isPermanent || !retriesAttempts, afterMs }),
      );
    }
    const delayMs = Math.max(afterMs, retryDelayMs(node.retry, open.failed, parts.random));
    open.dueAt = parts.clock.monotonic() + delayMs;
    await tries.failed(uid, { failed: open.failed, dueAt: open.dueAt });
    const follows = { maxTries: node.retry.maxFailures, retryInMs: Math.round(delayMs) };
    logFailure(run, { ...failure, tries: open.failed }, "a batch failed; will retry", follows);
    open.awaitsToken = false;
    this.#wait(open);
  }

  /** A repeated uid is not set aside: the log has that entry already, and the source is at fault. */
  async #setAside(open: OpenBatch, { reasonCode, message, tries, stack }: Failure & BatchFailure): Promise<void> {
    const failure = { reasonCode, message, tries, ...(stack === undefined ? {} : { stack }) };
    open.outcome = { meta: keptPayload(open.batch), metrics: {}, failure };
    await this.#outcomes.add(open);
  }

  #wait(open: OpenBatch): void {
    this.#waiting ??= new Set();
    this.#waiting.add(open);
    if (!this.#listens) {
      this.#listens = true;
      const { signal } = this.#options.part;
      if (signal.aborted) this.changed();
      else signal.addEventListener("abort", () => this.changed(), { once: true });
    }
    this.changed();
  }

  /** The first error decides. If several batches were in progress, it may be the fault of any. */
  failed(open: OpenBatch, error: unknown): void {
    const { run, part } = this.#options;
    if (part.stopped === undefined && this.#processing === 0) run.at.batchUid = open.batch.uid;
    this.#stop(error);
  }

  #stop(error: unknown): void {
    this.#options.part.stop(error);
    this.changed();
  }

  changed(): void {
    if ((this.#waiting?.size ?? 0) > 0 || this.#alarm?.isSet === true) this.#retryDue();
    this.#changes.note();
  }

  /** Starts the tries that are due, as far as there is room, and sets the alarm for the next. */
  #retryDue(): void {
    const { held } = this.#options.run;
    if (this.isOver || this.#isLeaving || held.isWindingDown) {
      this.#alarm?.clear();
      return;
    }
    while (!this.#isBusy) {
      const due = this.#firstDue();
      if (due === undefined) return;
      if (due.inMs > 0) {
        this.#alarm ??= new Alarm(this.#options.run.parts.clock, () => this.changed());
        this.#alarm.set(due.open.dueAt, due.inMs);
        return;
      }
      this.#waiting?.delete(due.open);
      void this.#try(due.open);
    }
  }
}
