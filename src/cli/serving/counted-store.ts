import type { ShardStatus } from "../../core/model/records.ts";
import type { Store } from "../../core/ports/index.ts";

/** What became of an attempt. */
export type AttemptOutcome = "finished" | "failed" | "retried" | "released" | "cancelled" | "fenced";

/** What a store is seen to do for this process. */
export interface StoreEvents {
  taskEnded(outcome: "finished" | "failed" | "cancelled"): void;
  shardDispatched(type: string): void;
  attemptStarted(type: string): void;
  attemptEnded(type: string, outcome: AttemptOutcome, ms: number): void;
  batchStored(type: string): void;
  /** And what its shard is now. */
  leaseExpired(type: string, to: ShardStatus): void;
}

interface Held {
  readonly type: string;
  readonly failures: number;
  readonly startedAt: number;
}

/** An attempt that ends without a word, as when the store is away, would stay for ever. */
const mostHeld = 10_000;

/**
 * The same store, which tells what it answered: each transition is a write, and the answer says whether it was this
 * process that made it. So nothing is counted twice over several processes.
 */
export function countedStore(store: Store, events: StoreEvents): Store {
  const held = new Map<string, Held>();
  const hold = (claimId: string, attempt: Held) => {
    held.set(claimId, attempt);
    const [oldest] = held.keys();
    if (held.size > mostHeld && oldest !== undefined) held.delete(oldest);
  };
  /** What this process didn't claim was another coordinator's, for a worker of another program. */
  const typeOf = (claimId: string) => held.get(claimId)?.type ?? "unknown";
  const ended = (claimId: string, outcome: AttemptOutcome) => {
    const attempt = held.get(claimId);
    if (!held.delete(claimId) || attempt === undefined) return;
    events.attemptEnded(attempt.type, outcome, performance.now() - attempt.startedAt);
  };

  const counted = {
    async finishTask(id) {
      const moved = await store.finishTask(id);
      if (moved) events.taskEnded("finished");
      return moved;
    },
    async closeTask(id) {
      const task = await store.readTask(id); // whether it has failed is settled before it is closed
      const moved = await store.closeTask(id);
      if (moved) events.taskEnded(task?.failure === undefined ? "cancelled" : "failed");
      return moved;
    },
    async dispatch(ref, init) {
      const answer = await store.dispatch(ref, init);
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
      if (record !== undefined) {
        hold(by.claimId, { type: record.type, failures: record.failures, startedAt: performance.now() });
        events.attemptStarted(record.type);
      }
      return record;
    },
    async append(attempt, generation, artifact) {
      const answer = await store.append(attempt, generation, artifact);
      if (answer === "ok") events.batchStored(typeOf(attempt.claimId));
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
      const failures = held.get(attempt.claimId)?.failures ?? 0;
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
    async renew(attempts, leaseMs) {
      const answers = await store.renew(attempts, leaseMs);
      for (const [index, answer] of answers.entries()) {
        const attempt = attempts[index];
        if (answer === "fenced" && attempt !== undefined) ended(attempt.claimId, "fenced");
      }
      return answers;
    },
  } satisfies Partial<Store>;
  return overlaid(store, counted);
}

/** `own` where it has a member, else `store` itself. */
export function overlaid(store: Store, own: Partial<Store>): Store {
  const bound = new Map<string | symbol, unknown>(Object.entries(own));
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
