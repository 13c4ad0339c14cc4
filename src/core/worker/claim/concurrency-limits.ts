import { type Attempt, shardKey } from "../../model/records.ts";
import type { NodePlan } from "../../plan/index.ts";
import type { QueuedRef, SlotLimit, WorkerStore } from "../../ports/index.ts";
import type { StoreRetry } from "../../resilience/store-retry.ts";
import type { RunningLimits } from "../attempt/worker-options.ts";

/** Which limit is full. */
export type SaturatedLimit =
  | { readonly kind: "all" }
  | { readonly kind: "type" | "task" | "node"; readonly of: string };

interface NamedLimit extends SlotLimit {
  readonly full: SaturatedLimit;
}

/**
 * Takes a slot of every limit before a claim, and gives them back when the shard's record has left `running`. So the
 * records that run are never more than the holders, and those never more than the limit.
 *
 * A holder is a claim, not an attempt: two workers that want the same attempt hold two slots for a moment, and each can
 * give back its own without a look at the other. What a crash leaves behind is found by a sweep.
 */
export class ConcurrencySlots {
  readonly #store: WorkerStore;
  readonly #limits: RunningLimits;
  /** By claim, the limits that it holds a slot of. */
  readonly #held = new Map<string, readonly NamedLimit[]>();

  constructor(options: { readonly store: WorkerStore; readonly limits: RunningLimits }) {
    this.#store = options.store;
    this.#limits = options.limits;
  }

  /** @returns which limit is full; `undefined` when the claim may be made */
  async take(claim: Attempt, node: NodePlan, retry: StoreRetry): Promise<SaturatedLimit | undefined> {
    const limits = limitsOf(this.#limits, claim.taskId, node);
    const taken: NamedLimit[] = [];
    for (const limit of limits) {
      const answer = await retry.ask(() => this.#store.takeSlot(limit, claim));
      if (answer === "full") {
        await this.#free(claim, taken, retry);
        return limit.full;
      }
      taken.push(limit);
    }
    if (taken.length > 0) this.#held.set(keyOf(claim), taken);
    return undefined;
  }

  /**
   * Of these attempts, in order, those for which there seems to be room under the limits of all, of their type and of
   * their task; of the others it tells which limit is full, the widest where several are. One look for all of them,
   * rather than slots of the narrow limits taken and given back because a wide one is full: a queue that is held up is
   * looked at again and again.
   */
  async withRoom<T extends QueuedRef>(
    refs: readonly T[],
    ask: <A>(call: () => Promise<A>) => Promise<A>,
    onFull: (ref: T, full: SaturatedLimit) => void,
  ): Promise<readonly T[]> {
    const limitsOfRef = (ref: T) => wideLimits(this.#limits, ref);
    const keys = [...new Set(refs.flatMap((ref) => limitsOfRef(ref).map(({ key }) => key)))];
    if (keys.length === 0) return refs;
    const counts = await ask(() => this.#store.countHolders(keys));
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
  async free(claim: Attempt, retry: StoreRetry): Promise<void> {
    const taken = this.#held.get(keyOf(claim));
    if (taken === undefined) return;
    this.#held.delete(keyOf(claim));
    await this.#free(claim, taken, retry);
  }

  /** Nobody knows whether the claim runs: its slots are left to a sweep. */
  leave(claim: Attempt): void {
    this.#held.delete(keyOf(claim));
  }

  async #free(claim: Attempt, taken: readonly NamedLimit[], retry: StoreRetry): Promise<void> {
    for (const { key } of taken) await retry.ask(() => this.#store.freeSlot({ key, holder: claim }));
  }
}

/**
 * The limits that a shard of the node comes under. The narrowest first: it is the likeliest to be full, and then nobody
 * else was held up meanwhile.
 */
export function limitsOf(limits: RunningLimits, taskId: string, node: NodePlan): readonly NamedLimit[] {
  const { id, type, maxRunning } = node;
  const wide = wideLimits(limits, { taskId, type });
  if (maxRunning === undefined) return wide;
  const ofNode = `${taskId}:${id}`;
  return [...limit(`node:${ofNode}`, maxRunning, { kind: "node", of: ofNode }), ...wide];
}

/** Those that are known without the task's graph. */
function wideLimits(
  { maxRunning: all, maxRunningPerType, maxRunningPerTask: perTask }: RunningLimits,
  { taskId, type }: Pick<QueuedRef, "taskId" | "type">,
): readonly NamedLimit[] {
  const perType = maxRunningPerType?.[type];
  if (all === undefined && perType === undefined && perTask === undefined) return none;
  return [
    ...limit(`task:${taskId}`, perTask, { kind: "task", of: taskId }),
    ...limit(`type:${type}`, perType, { kind: "type", of: type }),
    ...limit("all", all, { kind: "all" }),
  ];
}

const none: readonly NamedLimit[] = [];

const limit = (key: string, max: number | undefined, full: SaturatedLimit): readonly NamedLimit[] =>
  max === undefined ? none : [{ key, max, full }];

const keyOf = (claim: Attempt): string => `${shardKey(claim)}:${claim.epoch}:${claim.claimId}`;
