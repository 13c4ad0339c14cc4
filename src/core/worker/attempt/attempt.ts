import type { HandlerDefinition } from "../../../definitions/index.ts";
import { FlowError, isInstance } from "../../../errors/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import { retryDelayMs } from "../../plan/index.ts";
import type { Answer, WriteAnswer } from "../../ports/index.ts";
import { isPending, StoreRetry } from "../../resilience/store-retry.ts";
import { AttemptEnded, type EndReason } from "./attempt-handle.ts";
import { type AttemptRun, announce, type BeginNext, type Continued, logFailure } from "./attempt-run.ts";
import { classifyFailure } from "./failure.ts";
import { runFunction } from "./function-run.ts";
import type { HandlerRuntime } from "./handler-code.ts";
import { runHandler } from "./handler-run.ts";
import { BatchFailed } from "./outcome-queue.ts";

/*
 * An attempt, from claim to outcome. It ends in exactly one of these ways:
 *
 *   complete          all batches stored, log closed, shard finished
 *   fail              -> failed because a batch failed for good; or deferred for a retry, or failed, for another error
 *   release           -> deferred: it had no input, its batches wait for their next try, or the worker stops
 *   confirmCancelled  the task is being cancelled and the handler has stopped
 *   no write          fenced: another attempt owns the shard; or the store is unreachable: the lease decides
 *
 * After each of these but the last it notifies the coordinators, always after the write.
 */

const releaseMinMs = 100;
const releaseMaxMs = 5_000;

/** @returns whether the shard's record is known to have left this claim */
export function runAttempt(run: AttemptRun, runtime: HandlerRuntime | undefined): Answer<boolean> {
  const timeout = run.remainingMs() === undefined ? undefined : startTimeout(run);
  let working: Answer<BeginNext>;
  try {
    working = work(run, runtime);
  } catch (error) {
    return failed(run, error, { runtime, timeout });
  }
  if (!isPending(working)) return ended(run, working, timeout);
  return working.then(
    (beginNext) => ended(run, beginNext, timeout),
    (error: unknown) => failed(run, error, { runtime, timeout }),
  );
}

function ended(run: AttemptRun, beginNext: BeginNext, timeout: AbortController | undefined): Answer<boolean> {
  timeout?.abort();
  return tellDone(run, beginNext());
}

function failed(
  run: AttemptRun,
  error: unknown,
  of: { readonly runtime: HandlerRuntime | undefined; readonly timeout: AbortController | undefined },
): Promise<boolean> {
  of.timeout?.abort();
  return settle(run, error, of.runtime?.definition);
}

/** Runs an attempt, and then each that follows in its slot. */
export function runInRow<T>(first: T, run: (each: T) => Answer<T | undefined>): Promise<void> | undefined {
  let next: Answer<T | undefined> = first;
  while (next !== undefined && !isPending<T | undefined>(next)) next = run(next);
  return isPending(next) ? runRest(next, run) : undefined;
}

async function runRest<T>(first: Promise<T | undefined>, run: (each: T) => Answer<T | undefined>): Promise<void> {
  for (let next: T | undefined = await first; next !== undefined; ) {
    const following = run(next);
    next = isPending(following) ? await following : following; // awaiting a plain value would cost as much as a small node
  }
}

function tellDone(run: AttemptRun, next: Continued | undefined): Answer<true> {
  if (next?.isNews === false) return true;
  const done = { kind: "TASK_DONE", metrics: {} } as const; // its metrics are in the store
  if (next === undefined) return announce(run, done).then(() => true as const);
  run.spawn(() => announce(run, { ...done, continuesWith: next.nodeId })); // not awaited: the next node would wait for it
  return true;
}

function startTimeout(run: AttemptRun): AbortController {
  const ended = new AbortController();
  const wait = async (): Promise<void> => {
    for (let leftMs = run.remainingMs() ?? 0; leftMs > 0; leftMs = run.remainingMs() ?? 0) {
      await run.parts.clock.sleep(leftMs, ended.signal);
      if (ended.signal.aborted) return;
    }
    run.held.abandon("timeout");
  };
  void wait();
  return ended;
}

function work(run: AttemptRun, runtime: HandlerRuntime | undefined): Answer<BeginNext> {
  const { node, parts } = run;
  if (node.fn !== undefined) {
    const definition = parts.functions?.get(node.fn.name);
    if (definition !== undefined) return runFunction(run, definition);
    throw new AttemptError("no_handler", `'${node.fn.name}' is not a known coordinator function`);
  }
  if (runtime === undefined) {
    throw new AttemptError("no_handler", `this worker has no handler '${node.type}'`);
  }
  return runHandler(run, runtime);
}

async function settle(run: AttemptRun, error: unknown, handler: HandlerDefinition | undefined): Promise<boolean> {
  run.flushLogs();
  // A handler may throw anything after its signal was aborted: the reason of the abort decides.
  const reason: EndReason | undefined = isInstance(error, AttemptEnded) ? error.reason : run.held.reason;
  switch (reason) {
    case "fenced":
      run.ending = { outcome: "fenced" };
      return false; // possibly only by this worker's clock
    case "cancelling":
      await confirmCancelled(run);
      return true;
    case "starving":
    case "waiting":
      await release(run, releasedForMs(run, error));
      return true;
    case "stopping":
      await release(run, 0);
      return true;
    case "timeout": {
      const message = "exceeded its timeout_sec";
      if (run.at.method === "iterBatches") run.at.method = undefined; // a batch in progress may be the slow part
      await fail(run, new AttemptError("timeout", message, { permanent: false }), handler);
      return true;
    }
    case "reload":
    case undefined:
      // The outcome of the last call is unknown: write nothing, so that the lease expires and the next attempt
      // continues.
      if (FlowError.is(error, "STORE_UNAVAILABLE")) throw error;
      await fail(run, error, handler);
      return true;
  }
}

/** A starving attempt looks for input again, even if its next try is due later. */
function releasedForMs(run: AttemptRun, error: unknown): number {
  const starvedMs = Math.min(releaseMaxMs, releaseMinMs * 2 ** run.claimed.yields);
  if (!isInstance(error, AttemptEnded) || error.dueInMs === undefined) return starvedMs;
  return error.reason === "waiting" ? error.dueInMs : Math.min(starvedMs, error.dueInMs);
}

async function fail(run: AttemptRun, error: unknown, handler: HandlerDefinition | undefined): Promise<void> {
  const { node, held, parts, claimed } = run;
  const { retry } = node;
  const thrown = { error, attempt: held.attempt, at: run.at, handler };
  const classified = isInstance(error, BatchFailed)
    ? error.classified
    : await run.code.run(() => classifyFailure(thrown));
  const { failure, afterMs } = classified;
  const permanent = classified.permanent || retry.permanentOn.includes(failure.reasonCode);
  const delayMs = Math.max(afterMs, retryDelayMs(retry, claimed.failures + 1, parts.random));
  const how = { failure, permanent, delayMs, maxFailures: retry.maxFailures };
  const answer = await retryOf(run).run(() => parts.store.fail(held.attempt, how));
  const failures = claimed.failures + 1;
  const final = permanent || failures >= retry.maxFailures;
  run.ending = { outcome: final ? "failed" : "retried", failure };
  const { reasonCode, message } = failure;
  if (answer === "ok") {
    const follows = { failures, maxFailures: retry.maxFailures, retryInMs: Math.round(delayMs) };
    if (final) logFailure(run, failure, "a node failed");
    else logFailure(run, failure, "an attempt failed; will retry", follows);
  }
  const event = { kind: "TASK_FAILED", reasonCode, error: message } as const;
  await afterEnd(run, answer, () =>
    announce(run, final ? { ...event, permanent: true } : { ...event, permanent: false, dueInMs: delayMs }),
  );
}

/** The attempt's own retry stops with its signal, which may be aborted by now, but the outcome must be written. */
const retryOf = (run: AttemptRun): StoreRetry => new StoreRetry(run.parts.clock);

async function release(run: AttemptRun, delayMs: number): Promise<void> {
  run.ending = { outcome: "released" };
  const answer = await retryOf(run).run(() => run.parts.store.release(run.held.attempt, delayMs));
  const event = { kind: "TASK_FAILED", reasonCode: "yielded", permanent: false, dueInMs: delayMs } as const;
  await afterEnd(run, answer, () => announce(run, { ...event, yielded: true }));
}

async function confirmCancelled(run: AttemptRun): Promise<void> {
  run.ending = { ...run.ending, outcome: "cancelled" };
  const answer = await retryOf(run).run(() => run.parts.store.confirmCancelled(run.held.attempt));
  if (answer === "ok") await announce(run, { kind: "CANCELLED", reason: "cancelled" });
}

async function afterEnd(run: AttemptRun, answer: WriteAnswer, notify: () => Promise<void>): Promise<void> {
  if (answer === "ok") await notify();
  else if (answer === "cancelling") await confirmCancelled(run);
}
