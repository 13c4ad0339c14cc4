import {
  type Attempt,
  type EpochRef,
  epochRef,
  type LogAccess,
  type ShardRecord,
  shardKey,
} from "../../model/records.ts";
import type { NodePlan } from "../../plan/index.ts";
import type { QueuedRef } from "../../ports/index.ts";
import { type StoreHealthTracker, StoreRetry } from "../../resilience/store-retry.ts";
import type { Supervisor } from "../../resilience/supervisor.ts";
import type { WorkerParts } from "../attempt/worker-options.ts";
import { ConcurrencySlots, type SaturatedLimit } from "./concurrency-limits.ts";
import type { CachedTask, TaskCache } from "./task-cache.ts";

export interface ClaimerOptions {
  readonly parts: WorkerParts;
  /** What it claims. */
  readonly types: readonly string[];
  readonly supervisor: Supervisor;
  readonly tasks: TaskCache;
  readonly watch: StoreHealthTracker;
  /** What attempts of this node do with logs. */
  readonly habitsOf: (node: NodePlan) => LogAccess;
  /** Takes over what was claimed. */
  readonly onClaimed: (claimed: Claimed) => void;
}

export interface Claimed {
  readonly claim: Attempt;
  readonly record: ShardRecord;
  /** Read before the claim: afterwards the task may be deleted by others that have given this attempt up. */
  readonly facts: CachedTask;
  readonly node: NodePlan;
  /** When the claim was asked for. Monotonic. */
  readonly askedAt: number;
}

/**
 * Claims attempts while there are free slots.
 *
 * The store is the queue. A command on the bus names an attempt that has just become ready: with a free slot it is
 * claimed by its key at once, without a look at the queue. With none the command is dropped, for whoever ends an attempt
 * looks in the queue, and so does every worker from time to time: no worker holds up what another could do.
 */
export class Claimer {
  readonly #options: ClaimerOptions;
  /** Used from the decision to claim, before the store has answered, until the attempt has ended. */
  readonly #capacity: Capacity;
  readonly #slots: ConcurrencySlots;
  /** By attempt, claims under way: a command and a look at the queue often want the same one at the same time. */
  readonly #asked = new Map<string, Promise<SaturatedLimit | undefined>>();
  #filling = false;
  #fillAgain = false;
  /** A command came while claims under way held the last slots: should they fail, look in the queue. */
  #droppedCommand = false;
  #heldUp = false;
  #stopped = false;

  constructor(options: ClaimerOptions) {
    this.#options = options;
    const { store, limits } = options.parts;
    this.#capacity = new Capacity(limits);
    this.#slots = new ConcurrencySlots({ store, limits: limits.running });
  }

  /** The last look at the queue found something that only a limit keeps from running. */
  get heldUp(): boolean {
    return this.#heldUp;
  }

  /** Nothing is claimed from now on that isn't asked for yet. */
  stop(): void {
    this.#stopped = true;
  }

  onCommand(ref: QueuedRef): void {
    if (this.#filling) {
      this.#fillAgain = true; // by the order of the queue, not past it
    } else if (this.#heldUp) {
      // Likewise: others wait for the room that there may be.
      this.#options.supervisor.spawn("queue", () => this.fill());
    } else if (this.#isFree(ref.type)) {
      this.#options.supervisor.spawn("claim", async () => void (await this.#claimOnce(ref)));
    } else {
      this.#droppedCommand = true;
    }
  }

  /** Takes from the queue until all slots are full or nothing is left. One run at a time; a call during a run makes it look again. */
  async fill(): Promise<void> {
    if (this.#filling) {
      this.#fillAgain = true;
      return;
    }
    this.#filling = true;
    try {
      do {
        this.#fillAgain = false;
        const pass = new QueueScan();
        while (await this.#take(pass));
        this.#heldUp = pass.heldUpAny;
      } while (this.#fillAgain);
    } finally {
      this.#filling = false;
    }
  }

  /** The attempt has ended. `left`: its shard's record is known to run under this claim no longer. */
  async freeSlots(claim: Attempt, left: boolean): Promise<void> {
    if (!left) return this.#slots.leave(claim);
    const { parts, supervisor } = this.#options;
    await this.#slots.free(claim, new StoreRetry(parts.clock, supervisor));
  }

  /** Room for another attempt of this type. */
  giveBack(type: string): void {
    this.#capacity.giveBack(type);
  }

  #isFree(type: string): boolean {
    return !this.#stopped && this.#capacity.isFree(type);
  }

  /** @returns whether it is worth while to look once more */
  async #take(pass: QueueScan): Promise<boolean> {
    const { parts, types, watch } = this.#options;
    const free = pass.openTypes(types).filter((type) => this.#isFree(type));
    if (free.length === 0) return false;
    const limit = pass.limitFor(this.#capacity.free);
    const queued = await watch.ask(() => parts.store.peekQueue(free, limit, pass.exceptTasks));
    const unseen = pass.unseen(queued);
    if (unseen.length === 0) return false;
    const withRoom = await this.#slots.withRoom(
      unseen,
      (look) => watch.ask(look),
      (ref, full) => pass.heldUp(ref, full),
    );
    await Promise.all(
      withRoom.map(async (ref) => {
        if (!this.#isFree(ref.type)) return;
        const heldUp = await this.#claimOnce(ref);
        if (heldUp !== undefined) pass.heldUp(ref, heldUp);
      }),
    );
    return true;
  }

  /** Who comes while it is being claimed gets the same answer: a second call of the store could only lose. */
  #claimOnce(ref: QueuedRef): Promise<SaturatedLimit | undefined> {
    const key = `${shardKey(ref)}:${ref.epoch}`;
    const known = this.#asked.get(key);
    if (known !== undefined) return known;
    const asked = this.#claim(ref).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return asked;
  }

  /** @returns what doesn't let it run now, if it isn't another worker */
  async #claim(ref: QueuedRef): Promise<SaturatedLimit | undefined> {
    const { parts, supervisor, tasks } = this.#options;
    const { type } = ref;
    this.#capacity.use(type);
    let claimed = false;
    try {
      const retry = new StoreRetry(parts.clock, supervisor);
      const claim = { ...epochRef(ref), claimId: parts.ids.next() };
      const facts = await tasks.get(ref.taskId, retry);
      // Its task was deleted, or the command was forged. What is in the queue for ever would be found for ever.
      if (facts === undefined) await retry.ask(() => parts.store.deleteTask(ref.taskId));
      const node = facts?.plan.byId.get(ref.nodeId);
      if (facts === undefined) return undefined;
      // Nobody will ever run it: asked for again and again, it would keep all that stands behind it from its turn.
      if (node === undefined) return { kind: "node", of: ref.nodeId };
      const full = await this.#slots.take(claim, node, retry);
      if (full !== undefined) return full;
      claimed = await this.#claimFrom({ claim, facts, node }, retry);
      return undefined;
    } finally {
      if (!claimed) {
        this.#capacity.giveBack(type);
        this.#lookForDropped(); // not before: this claim's own slot counts as taken until here
      }
    }
  }

  /** @returns false: another worker was faster */
  async #claimFrom(
    { claim, facts, node }: Pick<Claimed, "claim" | "facts" | "node">,
    retry: StoreRetry,
  ): Promise<boolean> {
    const { parts, supervisor } = this.#options;
    const { store, clock, workerId, limits } = parts;
    const { leaseMs } = limits;
    const by = { workerId, claimId: claim.claimId, leaseMs, habits: this.#options.habitsOf(node) };
    const askedAt = clock.monotonic();
    let record: ShardRecord | undefined;
    try {
      record = await retry.ask(() => store.claim(claim, by));
    } catch (error) {
      this.#slots.leave(claim);
      // It may be the answer that was lost. Who is being stopped asks no more, and others would wait for the lease's end.
      if (supervisor.signal.aborted) await store.release(claim, 0);
      throw error;
    }
    if (record === undefined) await this.#slots.free(claim, retry);
    else this.#options.onClaimed({ claim, record, facts, node, askedAt });
    return record !== undefined;
  }

  #lookForDropped(): void {
    if (!this.#droppedCommand) return;
    this.#droppedCommand = false;
    this.#options.supervisor.spawn("queue", () => this.fill());
  }
}

/** The slots of one worker: so many in all, and of some types fewer. */
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
    return this.free > 0 && (this.#used.get(type) ?? 0) < (this.#perType[type] ?? this.#all);
  }

  use(type: string): void {
    this.#usedAll++;
    this.#used.set(type, (this.#used.get(type) ?? 0) + 1);
  }

  giveBack(type: string): void {
    this.#usedAll--;
    this.#used.set(type, (this.#used.get(type) ?? 0) - 1);
  }
}

/** More than this many attempts that wait for a limit of their own node aren't looked past in one go. */
const mostPassedOver = 1_000;

/**
 * One look through the queue: what was found to be held up by a full limit isn't asked for again, so that what stands
 * behind it gets its turn.
 */
export class QueueScan {
  readonly exceptTasks = new Set<string>();
  readonly #fullTypes = new Set<string>();
  readonly #passedOver = new Set<string>();
  #allFull = false;

  get heldUpAny(): boolean {
    return this.#allFull || this.#fullTypes.size + this.exceptTasks.size + this.#passedOver.size > 0;
  }

  /** Of these types, those that may have something to take. */
  openTypes(types: readonly string[]): readonly string[] {
    if (this.#allFull || this.#passedOver.size >= mostPassedOver) return [];
    return this.#fullTypes.size === 0 ? types : types.filter((type) => !this.#fullTypes.has(type));
  }

  /** How many to ask for, to see this many new ones. */
  limitFor(wanted: number): number {
    return wanted + this.#passedOver.size;
  }

  unseen(queued: readonly QueuedRef[]): readonly QueuedRef[] {
    return this.#passedOver.size === 0 ? queued : queued.filter((ref) => !this.#passedOver.has(keyOf(ref)));
  }

  heldUp(ref: EpochRef, by: SaturatedLimit): void {
    if (by.kind === "all") this.#allFull = true;
    else if (by.kind === "type") this.#fullTypes.add(by.of);
    else if (by.kind === "task") this.exceptTasks.add(by.of);
    else this.#passedOver.add(keyOf(ref));
  }
}

const keyOf = (ref: EpochRef): string => `${shardKey(ref)}:${ref.epoch}`;
