import { deepFreeze } from "../../../graph/format/plain-data.ts";
import { type Attempt, type EpochRef, shardKey } from "../../model/records.ts";
import type { NodePlan, PlanCache, RatePlan } from "../../plan/index.ts";
import type { Clock, QueuedRef, RegistryEntry, RegistryJudge, SlotLimit, WorkerStore } from "../../ports/index.ts";
import type { StoreRetry } from "../../resilience/store-retry.ts";
import type { CachedTask } from "../attempt/attempt-run.ts";
import type { RunningLimits } from "../attempt/worker-options.ts";

/** A limit that is full, or a rate whose next token is due in `inMs`. */
export type SaturatedLimit =
  | { readonly kind: "all" }
  | { readonly kind: "type" | "task" | "node" | "key"; readonly of: string }
  | { readonly kind: "rate"; readonly of: string; readonly inMs: number };

interface NamedLimit extends SlotLimit {
  readonly full: Exclude<SaturatedLimit, { kind: "rate" }>;
}

/**
 * Takes a slot of every limit before a claim, and frees them when the shard's record has left `running`. So there are
 * never more running records than holders, and never more holders than the limit allows.
 *
 * A holder is a claim, not an attempt: two workers that want the same attempt briefly hold two slots, and each can free
 * its own without checking the other. A sweep frees what a crash leaves behind.
 */
export class ConcurrencySlots {
  readonly #store: WorkerStore;
  readonly #limits: RunningLimits;
  /** By claim, the limits of which it has a slot. */
  readonly #held = new Map<string, readonly NamedLimit[]>();

  constructor(options: { readonly store: WorkerStore; readonly limits: RunningLimits }) {
    this.#store = options.store;
    this.#limits = options.limits;
  }

  /** @returns the full limit; `undefined` if the claim may be made */
  async take(claim: Attempt, node: NodePlan, retry: StoreRetry): Promise<SaturatedLimit | undefined> {
    const limits = limitsOf(this.#limits, claim.taskId, node);
    const taken: NamedLimit[] = [];
    for (const limit of limits) {
      const answer = await retry.run(() => this.#store.takeSlot(limit, claim));
      if (answer === "full") {
        await this.#free(claim, taken, retry);
        return limit.full;
      }
      taken.push(limit);
    }
    if (taken.length > 0) this.#held.set(claimKey(claim), taken);
    return undefined;
  }

  /**
   * Returns those of these attempts, in order, that seem to fit the limits in total, of their type and of their task,
   * and reports the full limit of each of the others; the widest, if several are full. One read for all of them,
   * instead of taking slots of narrow limits and freeing them because a wide limit is full: a blocked queue is scanned
   * again and again.
   */
  async withRoom<T extends QueuedRef>(
    refs: readonly T[],
    run: <A>(call: () => Promise<A>) => Promise<A>,
    onFull: (ref: T, full: SaturatedLimit) => void,
  ): Promise<readonly T[]> {
    const limitsOfRef = (ref: T) => wideLimits(this.#limits, ref);
    const keys = [...new Set(refs.flatMap((ref) => limitsOfRef(ref).map(({ key }) => key)))];
    if (keys.length === 0) return refs;
    const counts = await run(() => this.#store.countHolders(keys));
    const held = new Map(keys.map((key, index) => [key, counts[index] ?? 0]));
    const given = new Map<string, number>();
    return refs.filter((ref) => {
      const limits = limitsOfRef(ref);
      const full = limits.findLast(({ key, max }) => (held.get(key) ?? 0) >= max);
      if (full !== undefined) onFull(ref, full.full);
      const used = ({ key }: NamedLimit) => (held.get(key) ?? 0) + (given.get(key) ?? 0);
      const hasRoom = limits.every((limit) => used(limit) < limit.max);
      if (hasRoom) for (const { key } of limits) given.set(key, (given.get(key) ?? 0) + 1);
      return hasRoom;
    });
  }

  /** The claim was not made, or its shard's record has left `running`. */
  free(claim: Attempt, retry: StoreRetry): Promise<void> | undefined {
    const taken = this.#held.size === 0 ? undefined : this.#held.get(claimKey(claim));
    if (taken === undefined) return undefined;
    this.#held.delete(claimKey(claim));
    return this.#free(claim, taken, retry);
  }

  /** It is unknown whether the claim runs: leaves its slots to a sweep. */
  leave(claim: Attempt): void {
    this.#held.delete(claimKey(claim));
  }

  async #free(claim: Attempt, taken: readonly NamedLimit[], retry: StoreRetry): Promise<void> {
    for (const { key } of taken) await retry.run(() => this.#store.freeSlot({ key, holder: claim }));
  }
}

/**
 * The limits that apply to a shard of the node, the narrowest first: it is the most likely to be full, and taking its
 * slot blocks the fewest others.
 */
export function limitsOf(limits: RunningLimits, taskId: string, node: NodePlan): readonly NamedLimit[] {
  const { id, type, maxRunning, shared, key } = node;
  const wide = wideLimits(limits, { taskId, type });
  if (maxRunning === undefined) return wide;
  const [kind, of] =
    key === undefined ? (["node", `${taskId}:${id}`] as const) : (["key", `${shared}:${key}`] as const);
  return [...limit(`${kind}:${of}`, maxRunning, { kind, of }), ...wide];
}

/** Limits that are known without the task's graph. */
function wideLimits(
  { maxRunning: all, maxRunningPerType, maxRunningPerTask: perTask }: RunningLimits,
  { taskId, type }: Pick<QueuedRef, "taskId" | "type">,
): readonly NamedLimit[] {
  const perType = countOf(maxRunningPerType, type);
  if (all === undefined && perType === undefined && perTask === undefined) return none;
  return [
    ...limit(`task:${taskId}`, perTask, { kind: "task", of: taskId }),
    ...limit(`type:${type}`, perType, { kind: "type", of: type }),
    ...limit("all", all, { kind: "all" }),
  ];
}

/** A type may be called `toString`. */
const countOf = <T>(perType: Readonly<Record<string, T>> = {}, type: string): T | undefined =>
  Object.hasOwn(perType, type) ? perType[type] : undefined;

const none: readonly NamedLimit[] = [];

const limit = (key: string, max: number | undefined, full: NamedLimit["full"]): readonly NamedLimit[] =>
  max === undefined ? none : [{ key, max, full }];

const claimKey = (claim: Attempt): string => `${shardKey(claim)}:${claim.epoch}:${claim.claimId}`;

/** A rate of which each try of a batch takes a token. */
export interface NamedRate extends RatePlan {
  readonly key: string;
}

/** The rates that apply to a node, the slowest first: a token that is taken while the next rate has none is lost. */
export function ratesOf({ ratePerType }: RunningLimits, { type, shared, key, rate }: NodePlan): readonly NamedRate[] {
  const ofType = countOf(ratePerType, type);
  if (rate === undefined && ofType === undefined) return noRates;
  const ofNode = key === undefined ? `node:${shared}` : `key:${shared}:${key}`;
  const named = (name: string, plan: RatePlan | undefined) => (plan === undefined ? [] : [{ key: name, ...plan }]);
  return [...named(ofNode, rate), ...named(`type:${type}`, ofType)].sort((a, b) => a.perSec - b.perSec);
}

const noRates: readonly NamedRate[] = [];

/**
 * Tokens of rates. The store keeps a bucket for each, as the time at which it will be full again by the store's clock,
 * and takes a token in one step: no process can take one that another has taken.
 */
export class RateTokens {
  readonly #store: WorkerStore;
  readonly #clock: Clock;
  /** By rate, the monotonic time of its next token, to ask the store no earlier. */
  readonly #nextAt = new Map<string, number>();

  constructor(options: { readonly store: WorkerStore; readonly clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  /** Takes a token of each rate. @returns 0, or the time until the first rate without a token has one, in ms */
  take(rates: readonly NamedRate[], retry: StoreRetry): Promise<number> {
    return this.#ask(rates, retry, (rate) => takeToken(rate));
  }

  /** Likewise, but leaves the tokens: another process may take them. */
  look(rates: readonly NamedRate[], retry: StoreRetry): Promise<number> {
    return this.#ask(rates, retry, (rate) => (entry, now) => ({ answer: tokenIn(rate, entry, now) }));
  }

  async #ask(
    rates: readonly NamedRate[],
    retry: StoreRetry,
    judgeOf: (rate: NamedRate) => RegistryJudge<number>,
  ): Promise<number> {
    const waits = rates.map(({ key }) => (this.#nextAt.get(key) ?? 0) - this.#clock.monotonic());
    const known = Math.max(0, ...waits);
    if (known > 0) return known;
    for (const rate of rates) {
      const { key: id } = rate;
      const inMs = await retry.run(() => this.#store.updateEntry({ kind: "rate", id }, judgeOf(rate)));
      if (inMs === 0) this.#nextAt.delete(id);
      else {
        this.#nextAt.set(id, this.#clock.monotonic() + inMs);
        return inMs;
      }
    }
    return 0;
  }
}

interface Bucket {
  /** When it will be full, in ms. */
  readonly fullAt: number;
}

/** After the clock was set back, the bucket may be empty, but is never overdrawn. */
function fullAt({ perSec, burst }: RatePlan, entry: RegistryEntry | undefined, now: number): number {
  const kept = (entry?.value as Bucket | undefined)?.fullAt ?? now;
  return Math.min(Math.max(kept, now), now + (burst * 1_000) / perSec);
}

/** The time until the bucket has a token, in ms; 0 if it has one. */
export function tokenIn(rate: RatePlan, entry: RegistryEntry | undefined, now: number): number {
  const apartMs = 1_000 / rate.perSec;
  return Math.max(0, Math.ceil(fullAt(rate, entry, now) + apartMs - rate.burst * apartMs - now));
}

/** A full bucket needs no entry. */
function takeToken(rate: RatePlan): RegistryJudge<number> {
  return (entry, now) => {
    const inMs = tokenIn(rate, entry, now);
    if (inMs > 0) return { answer: inMs };
    const value: Bucket = { fullAt: fullAt(rate, entry, now) + 1_000 / rate.perSec };
    return { answer: 0, next: { value, until: Math.ceil(value.fullAt) } };
  };
}

/** The slots of one worker: a total, and fewer for some types. */
export class Capacity {
  readonly #all: number;
  readonly #perType: Readonly<Record<string, number>>;
  readonly #used = new Map<string, number>();
  #usedAll = 0;

  constructor(options: { readonly capacity: number; readonly capacityPerType: Readonly<Record<string, number>> }) {
    this.#all = options.capacity;
    this.#perType = options.capacityPerType;
  }

  get free(): number {
    return this.#all - this.#usedAll;
  }

  isFree(type: string): boolean {
    return this.free > 0 && (this.#used.get(type) ?? 0) < (countOf(this.#perType, type) ?? this.#all);
  }

  use(type: string): void {
    this.#usedAll++;
    this.#used.set(type, (this.#used.get(type) ?? 0) + 1);
  }

  /** Turns a slot of one type into one of another. @returns false if that type has no slot left */
  pass(from: string, to: string): boolean {
    const hasRoom = from === to || (this.#used.get(to) ?? 0) < (countOf(this.#perType, to) ?? this.#all);
    if (!hasRoom) return false;
    this.release(from);
    this.use(to);
    return true;
  }

  release(type: string): void {
    this.#usedAll--;
    this.#used.set(type, (this.#used.get(type) ?? 0) - 1);
  }
}

/**
 * One scan of the queue. Attempts blocked by a full limit are not requested again, so that those behind them get their
 * turn, however many there are. A limit once found full is not asked for again.
 */
export class QueueScan {
  readonly exceptTasks = new Set<string>();
  readonly #blockedBy: Map<string, SaturatedLimit>;
  readonly #fullTypes = new Set<string>();
  readonly #passedOver = new Set<string>();
  /** Limits of single nodes and keys. */
  readonly #full = new Map<string, SaturatedLimit>();
  #allFull = false;
  /** How many of the attempts passed over wait for a token. */
  #rated = 0;
  /** When the next token of one of their rates is due. */
  tokenInMs: number | undefined;

  /** @param blockedBy - what blocked attempts in earlier scans: which limits apply to an attempt never changes */
  constructor(blockedBy: Map<string, SaturatedLimit>) {
    this.#blockedBy = blockedBy;
  }

  /** Whether an attempt waits for a slot, which another process may free at any time. */
  get anyBlocked(): boolean {
    return this.#allFull || this.#fullTypes.size + this.exceptTasks.size + this.#passedOver.size > this.#rated;
  }

  /** The types that may still have something to claim. */
  openTypes(types: readonly string[]): readonly string[] {
    if (this.#allFull) return [];
    return this.#fullTypes.size === 0 ? types : types.filter((type) => !this.#fullTypes.has(type));
  }

  /** How many to request to see this many new ones. Counts those passed over twice, so that a long queue takes few requests. */
  limitFor(wanted: number): number {
    return wanted + 2 * this.#passedOver.size;
  }

  /** Leaves out those that are known to be blocked. */
  unseen(queued: readonly QueuedRef[]): readonly QueuedRef[] {
    return this.#passedOver.size + this.#blockedBy.size === 0 ? queued : queued.filter((ref) => !this.passes(ref));
  }

  /** Whether the attempt is known to be blocked. */
  passes(ref: QueuedRef): boolean {
    if (this.#allFull || this.#fullTypes.has(ref.type) || this.exceptTasks.has(ref.taskId)) return true;
    const key = epochKey(ref);
    if (this.#passedOver.has(key)) return true;
    const full = this.fullOf(this.#blockedBy.get(key));
    if (full !== undefined) this.addBlocked(ref, full);
    return full !== undefined;
  }

  /** This limit, if the scan has found it full. */
  fullOf(limit: SaturatedLimit | undefined): SaturatedLimit | undefined {
    return limit === undefined ? undefined : this.#full.get(limitId(limit));
  }

  addBlocked(ref: EpochRef, by: SaturatedLimit): void {
    if (by.kind === "all") this.#allFull = true;
    else if (by.kind === "type") this.#fullTypes.add(by.of);
    else if (by.kind === "task") this.exceptTasks.add(by.of);
    else {
      if (by.kind === "rate") {
        this.#rated++;
        this.tokenInMs = Math.min(by.inMs, this.tokenInMs ?? by.inMs);
      }
      this.#full.set(limitId(by), by);
      this.#passedOver.add(epochKey(ref));
      this.#blockedBy.set(epochKey(ref), by);
    }
  }
}

/** Rotates the attempts of the first priority, to begin at a random place. */
export function rotated(queued: readonly QueuedRef[], random: () => number): readonly QueuedRef[] {
  const other = queued.findIndex(({ priority }) => priority !== queued[0]?.priority);
  const count = other === -1 ? queued.length : other;
  const from = Math.floor(random() * count);
  return [...queued.slice(from, count), ...queued.slice(0, from), ...queued.slice(count)];
}

const limitId = (limit: SaturatedLimit): string => (limit.kind === "all" ? "all" : `${limit.kind}:${limit.of}`);

export const epochKey = (ref: EpochRef): string => `${shardKey(ref)}:${ref.epoch}`;

const cachedTasks = 1_000;

/**
 * Reads a task's graph once instead of once per attempt: with 10,000 nodes that would be 10,000 reads of 10,000 nodes.
 */
export class TaskCache {
  readonly #store: WorkerStore;
  readonly #plans: PlanCache;
  readonly #tasks = new Map<string, CachedTask>();

  constructor(options: { readonly store: WorkerStore; readonly plans: PlanCache }) {
    this.#store = options.store;
    this.#plans = options.plans;
  }

  /** @returns `undefined` if the task has been deleted */
  async get(taskId: string, retry: StoreRetry): Promise<CachedTask | undefined> {
    const cached = this.#tasks.get(taskId);
    if (cached !== undefined) return cached;
    const task = await retry.run(() => this.#store.readTask(taskId));
    if (task === undefined) return undefined;
    const { traceparent, retryOf, startsAt } = task;
    const fixed = {
      params: deepFreeze(task.params),
      traceparent,
      byCoordinators: retryOf !== undefined || startsAt !== undefined,
    };
    const entry = { plan: this.#plans.get(task.graph), ...fixed };
    if (task.isPartial) return entry;
    this.#tasks.set(taskId, entry);
    if (this.#tasks.size > cachedTasks) {
      const [oldest] = this.#tasks.keys();
      if (oldest !== undefined) this.#tasks.delete(oldest);
    }
    return entry;
  }
}
