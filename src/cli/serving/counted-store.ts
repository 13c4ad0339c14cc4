import type { ShardRecord, ShardStatus } from "../../core/model/records.ts";
import type { Store } from "../../core/ports/index.ts";

/** How an attempt ended. */
export type AttemptOutcome = "finished" | "failed" | "retried" | "released" | "cancelled" | "fenced";

/** What this process changed in the store. */
export interface StoreEvents {
  taskEnded(outcome: "finished" | "failed" | "cancelled"): void;
  shardDispatched(type: string): void;
  attemptStarted(type: string): void;
  attemptEnded(type: string, outcome: AttemptOutcome, ms: number): void;
  batchStored(type: string): void;
  batchSetAside(type: string, reasonCode: string): void;
  /** `to`: the new status of its shard. */
  leaseExpired(type: string, to: ShardStatus): void;
}

interface RunningAttempt {
  readonly type: string;
  readonly failures: number;
  readonly startedAt: number;
}

/** Attempts can end unobserved, such as while the store is unreachable; the bound keeps them from piling up. */
const maxAttempts = 10_000;

/**
 * Wraps a store to report events. Each transition is a write whose answer shows whether this process made it, so that
 * several processes do not count it twice.
 */
export function countedStore(store: Store, events: StoreEvents): Store {
  const attempts = new Map<string, RunningAttempt>();
  const started = (claimId: string, { type, failures }: Pick<ShardRecord, "type" | "failures">) => {
    attempts.set(claimId, { type, failures, startedAt: performance.now() });
    const [oldest] = attempts.keys();
    if (attempts.size > maxAttempts && oldest !== undefined) attempts.delete(oldest);
    events.attemptStarted(type);
  };
  /** Attempts that another process claimed, such as a coordinator on behalf of an external worker, are unknown here. */
  const typeOf = (claimId: string) => attempts.get(claimId)?.type ?? "unknown";
  const ended = (claimId: string, outcome: AttemptOutcome) => {
    const attempt = attempts.get(claimId);
    if (!attempts.delete(claimId) || attempt === undefined) return;
    events.attemptEnded(attempt.type, outcome, performance.now() - attempt.startedAt);
  };

  const counted = {
    async finishTask(id) {
      const changed = await store.finishTask(id);
      if (changed) events.taskEnded("finished");
      return changed;
    },
    async closeTask(id) {
      const task = await store.readTask(id); // the outcome is decided before the task is closed
      const changed = await store.closeTask(id);
      if (changed) events.taskEnded(task?.failure === undefined ? "cancelled" : "failed");
      return changed;
    },
    async dispatch(ref, init, announce) {
      const answer = await store.dispatch(ref, init, announce);
      if (answer === "dispatched") events.shardDispatched(init.type);
      return answer;
    },
    async expire(ref, maxLost) {
      const record = await store.expire(ref, maxLost);
      if (record !== undefined) events.leaseExpired(record.type, record.status);
      return record;
    },
    async claim(ref, by) {
      const record = await store.claim(ref, by);
      if (record !== undefined) started(by.claimId, record);
      return record;
    },
    async completeAndClaim(attempt, outcome, next) {
      const done = await store.completeAndClaim(attempt, outcome, next);
      if (done.answer === "ok" && outcome.last !== undefined) events.batchStored(typeOf(attempt.claimId));
      if (done.answer === "ok") ended(attempt.claimId, "finished");
      else if (done.answer === "fenced") ended(attempt.claimId, "fenced");
      if (next !== undefined && done.claimed !== undefined) {
        events.shardDispatched(next.init.type);
        started(next.by.claimId, done.claimed);
      }
      return done;
    },
    async append(attempt, generation, artifact) {
      const answer = await store.append(attempt, generation, artifact);
      const type = typeOf(attempt.claimId);
      if (answer === "ok" && artifact.failure !== undefined) events.batchSetAside(type, artifact.failure.reasonCode);
      else if (answer === "ok") events.batchStored(type);
      else if (answer === "fenced") ended(attempt.claimId, "fenced");
      return answer;
    },
    async complete(attempt, outcome) {
      const answer = await store.complete(attempt, outcome);
      if (answer === "ok") ended(attempt.claimId, "finished");
      else if (answer === "fenced") ended(attempt.claimId, "fenced");
      return answer;
    },
    async fail(attempt, how) {
      const failures = attempts.get(attempt.claimId)?.failures ?? 0;
      const answer = await store.fail(attempt, how);
      const isFinal = how.permanent || failures + 1 >= how.maxFailures;
      if (answer === "ok") ended(attempt.claimId, isFinal ? "failed" : "retried");
      else if (answer === "fenced") ended(attempt.claimId, "fenced");
      return answer;
    },
    async release(attempt, delayMs) {
      const answer = await store.release(attempt, delayMs);
      if (answer === "ok") ended(attempt.claimId, "released");
      else if (answer === "fenced") ended(attempt.claimId, "fenced");
      return answer;
    },
    async confirmCancelled(attempt) {
      const answer = await store.confirmCancelled(attempt);
      if (answer === "ok") ended(attempt.claimId, "cancelled");
      else if (answer === "fenced") ended(attempt.claimId, "fenced");
      return answer;
    },
    async renew(refs, leaseMs) {
      const answers = await store.renew(refs, leaseMs);
      for (const [index, answer] of answers.entries()) {
        const attempt = refs[index];
        if (answer === "fenced" && attempt !== undefined) ended(attempt.claimId, "fenced");
      }
      return answers;
    },
  } satisfies Partial<Store>;
  return overlaid(store, counted);
}

/** A store with some of its members replaced. */
export function overlaid(store: Store, replacements: Partial<Store>): Store {
  const bound = new Map<string | symbol, unknown>(Object.entries(replacements));
  return new Proxy(store, {
    get(target, key) {
      if (bound.has(key)) return bound.get(key);
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      const method: unknown = member.bind(target);
      bound.set(key, method);
      return method;
    },
  });
}
