import { FlowError } from "../../../errors/index.ts";
import {
  type Artifact,
  type Attempt,
  type EpochRef,
  epochRef,
  type LogAccess,
  type ShardRecord,
  shardKey,
} from "../../model/records.ts";
import { type NodePlan, nextOf } from "../../plan/index.ts";
import type { Answer, QueuedRef, WorkerStore } from "../../ports/index.ts";
import { type StoreHealthTracker, StoreRetry } from "../../resilience/store-retry.ts";
import type { Supervisor } from "../../resilience/supervisor.ts";
import { KeptLogs } from "../attempt/attempt-log.ts";
import type { Claimed, NextClaimed, Row } from "../attempt/attempt-run.ts";
import type { WorkerParts } from "../attempt/worker-options.ts";
import {
  Capacity,
  ConcurrencySlots,
  epochKey,
  limitsOf,
  QueueScan,
  type RateTokens,
  ratesOf,
  rotated,
  type SaturatedLimit,
  type TaskCache,
} from "./limits.ts";

const mostRemembered = 50_000; // above this number of attempts, what blocks them is determined again
/** How many nodes in a row may use a slot of a full worker before it looks at the queue, where others may be waiting. */
const maxInRow = 16;
const maxRowMs = 500; // and, if others are known to wait, for how long, counted from the first claim
const tellEveryMs = 100; // minimum interval of messages about nodes in a row
/** After a claim that another worker won, this many scans choose among this many more attempts than there are slots. */
const [scansSpread, spread] = [16, 32];
const sharedEvery = 8; // under load, one in this many scans first claims an attempt of a lower priority

export interface ClaimerOptions {
  readonly parts: WorkerParts;
  /** The node types to claim. */
  readonly types: readonly string[];
  readonly supervisor: Supervisor;
  readonly tasks: TaskCache;
  readonly watch: StoreHealthTracker;
  readonly tokens: RateTokens;
  /** How attempts of this node access logs. */
  readonly habitsOf: (node: NodePlan) => LogAccess;
  /** Whether the worker runs this attempt. */
  readonly holds: (ref: EpochRef) => boolean;
  /** Takes over a claimed attempt. */
  readonly onClaimed: (claimed: Claimed) => void;
}

/**
 * Claims attempts while there are free slots.
 *
 * The store is the queue. A command on the bus names an attempt that has just become ready: with a free slot, the
 * worker claims it by its key at once, without a scan of the queue. Without a free slot, it drops the command: every
 * worker scans the queue when an attempt ends, and periodically, so no worker delays work that another could do.
 */
export class Claimer {
  readonly #options: ClaimerOptions;
  /** A slot is in use from the decision to claim, before the store has answered, until the attempt has ended. */
  readonly #capacity: Capacity;
  readonly #slots: ConcurrencySlots;
  readonly logs = new KeptLogs();
  /** Claims in flight, by attempt: a command and a queue scan often want the same attempt at the same time. */
  readonly #asked = new Map<string, Promise<SaturatedLimit | undefined>>();
  #filling = false;
  #fillAgain = false;
  /** A command was dropped because claims in flight held the last slots: scan the queue if they fail. */
  #droppedCommand = false;
  #blocked = false;
  /** Whether another attempt may be waiting for a slot of this worker, as far as it knows. */
  #othersWait = false;
  /** What blocked each attempt when a scan last saw it: the task need not be read again. */
  readonly #blockedBy = new Map<string, SaturatedLimit>();
  /** How many more scans begin at a random place near the front of the queue: other workers claim what is first. */
  #contendedScans = 0;
  /** Number of scans that found more attempts than slots. */
  #fullPeeks = 0;
  /** The lower priority that was last given a turn. */
  #turn: number | undefined;
  #stopped = false;
  /** Monotonic time of the next scan that waits for a token. */
  #tokenAt: number | undefined;
  readonly #retry: StoreRetry;
  readonly #claimIds: string;
  #claims = 0;

  constructor(options: ClaimerOptions) {
    this.#options = options;
    const { store, limits } = options.parts;
    this.#capacity = new Capacity(limits);
    this.#slots = new ConcurrencySlots({ store, limits: limits.running });
    this.#retry = new StoreRetry(options.parts.clock, options.supervisor);
    this.#claimIds = options.parts.ids.next();
  }

  /** As unique as an id, and cheaper. */
  #nextClaimId(): string {
    return `${this.#claimIds}-${++this.#claims}`;
  }

  /** Whether the last scan found an attempt that only a limit keeps from running. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** No claim is requested from now on; those in flight may still succeed. */
  stop(): void {
    this.#stopped = true;
  }

  onCommand(ref: QueuedRef): void {
    if (this.#asked.has(epochKey(ref)) || this.#options.holds(ref)) return; // a scan was faster
    if (this.#filling) {
      this.#fillAgain = true; // so that the command does not jump the queue
    } else if (this.#blocked) {
      // Likewise: attempts before this one wait for the same slots.
      this.#options.supervisor.spawn("queue", () => this.fill());
    } else if (this.#isFree(ref.type)) {
      this.#options.supervisor.spawn("claim", async () => {
        const blocked = await this.#claimOnce(ref);
        if (blocked?.kind === "rate") this.#scanForToken(blocked.inMs);
      });
    } else {
      this.#droppedCommand = true;
      this.#othersWait = true;
    }
  }

  /**
   * Reserves the slot of a node that is about to finish for the next node, which is then dispatched and claimed in the last
   * write of the first: no coordinator has to look at the task in between. If a coordinator dispatches the node at the same
   * time, one of the two loses.
   *
   * @param kept - all that the node has stored by then, if its attempt has kept it
   */
  next(from: Claimed, kept: readonly Artifact[] | undefined): Answer<NextClaimed | undefined> {
    const { task, node, row } = from;
    const { store } = this.#options.parts;
    const next = nextOf(task.plan, node);
    if (next === undefined || task.byCoordinators || store.completeAndClaim === undefined) return undefined;
    if (!this.#options.types.includes(next.type) || !this.#mayContinue(from, next)) return undefined;
    if (row.count < maxInRow || this.#isFree(next.type)) return this.#reserve(from, next, kept);
    return this.#retry
      .run(() => store.peekQueue(this.#options.types, 1))
      .then(
        ({ length }) => {
          if (length > 0 || !this.#mayContinue(from, next)) return undefined;
          return this.#reserve({ ...from, row: { ...row, count: 0 } }, next, kept);
        },
        (error: unknown) => {
          if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error; // a coordinator starts it
          return undefined;
        },
      );
  }

  #mayContinue({ claim, row }: Claimed, next: NodePlan): boolean {
    const { clock, limits } = this.#options.parts;
    const mayWait = this.#othersWait && clock.monotonic() - row.since >= maxRowMs;
    if (this.#stopped || this.#blocked || mayWait) return false;
    return limitsOf(limits.running, claim.taskId, next).length === 0 && ratesOf(limits.running, next).length === 0;
  }

  #reserve(
    { claim, record, task, node, row }: Claimed,
    next: NodePlan,
    handedOver: readonly Artifact[] | undefined,
  ): NextClaimed | undefined {
    const { parts, habitsOf } = this.#options;
    const { store, clock, workerId, limits } = parts;
    if (!this.#capacity.pass(node.type, next.type)) return undefined;
    const ref = { taskId: claim.taskId, nodeId: next.id, shard: 0, epoch: 1 };
    const own = { ...ref, claimId: this.#nextClaimId() };
    const now = clock.monotonic();
    const isNews = now - row.toldAt >= tellEveryMs;
    const inRow: Row = { count: row.count + 1, since: row.since, toldAt: isNews ? now : row.toldAt };
    const by = { workerId, claimId: own.claimId, leaseMs: limits.leaseMs, habits: habitsOf(next) };
    return {
      claim: { ref, init: { type: next.type, priority: record.priority }, by },
      begin: (claimed) => {
        if (claimed !== undefined)
          return {
            nodeId: next.id,
            isNews,
            claimed: { claim: own, task, node: next, row: inRow, handedOver, record: claimed, askedAt: now },
          };
        this.#capacity.pass(next.type, node.type);
        return undefined;
      },
      giveUp: async (isUnknown) => {
        this.#capacity.pass(next.type, node.type);
        // If this fails too, it is for the same reason as the attempt; the lease then expires.
        if (isUnknown) await releaseUnknown(store, own).catch(() => undefined);
      },
    };
  }

  /**
   * Claims from the queue until no slot is free or nothing is left. Only one scan runs at a time; a call during a scan
   * repeats it.
   */
  async fill(): Promise<void> {
    if (this.#filling) {
      this.#fillAgain = true;
      return;
    }
    this.#filling = true;
    try {
      do {
        this.#fillAgain = false;
        if (this.#blockedBy.size > mostRemembered) this.#blockedBy.clear();
        const scan = new QueueScan(this.#blockedBy);
        while (await this.#take(scan));
        this.#blocked = scan.anyBlocked;
        if (scan.tokenInMs !== undefined) this.#scanForToken(scan.tokenInMs);
      } while (this.#fillAgain);
    } finally {
      this.#filling = false;
    }
  }

  /** The attempt has ended. `left`: its shard's record is known to have left this claim. */
  freeSlots(claim: Attempt, left: boolean): Promise<void> | undefined {
    if (left) return this.#slots.free(claim, this.#retry);
    this.#slots.leave(claim);
    return undefined;
  }

  /** Frees the worker's slot. */
  release(type: string): void {
    this.#capacity.release(type);
  }

  #isFree(type: string): boolean {
    return !this.#stopped && this.#capacity.isFree(type);
  }

  /** @returns whether to look again */
  async #take(scan: QueueScan): Promise<boolean> {
    const { parts, types, watch, tasks, supervisor } = this.#options;
    const free = scan.openTypes(types).filter((type) => this.#isFree(type));
    if (free.length === 0) return false;
    const wanted = this.#capacity.free;
    const isContended = this.#contendedScans-- > 0;
    const limit = scan.limitFor(wanted + (isContended ? spread : 1)); // one more, to know whether others wait
    const queued = await watch.track(() => parts.store.peekQueue(free, limit, scan.exceptTasks));
    const unseen = isContended ? rotated(scan.unseen(queued), parts.random) : scan.unseen(queued);
    const open = unseen.length <= wanted ? unseen : await watch.track(() => this.#withShare(unseen, free, scan));
    let [leftOut, at] = [0, 0];
    while (at < open.length && this.#capacity.free > 0) {
      const next: QueuedRef[] = [];
      for (; at < open.length && next.length < this.#capacity.free; at++) {
        const ref = open[at] as QueuedRef;
        if (this.#isFree(ref.type) && !scan.passes(ref)) next.push(ref);
      }
      leftOut += next.length - (await this.#claimAll(next, scan));
    }
    this.#othersWait = queued.length >= limit || at < open.length;
    const later = isContended ? undefined : open[at]; // saves a round trip between two attempts
    if (later !== undefined) supervisor.spawn("task", async () => void (await tasks.get(later.taskId, this.#retry)));
    // Otherwise the scan saw the whole queue; commands announce later attempts.
    return queued.length >= limit || leftOut > 0;
  }

  /** @returns how many of them the wide limits have room for */
  async #claimAll(refs: readonly QueuedRef[], scan: QueueScan): Promise<number> {
    const withRoom = await this.#slots.withRoom(
      refs,
      (look) => this.#options.watch.track(look),
      (ref, full) => scan.addBlocked(ref, full),
    );
    await Promise.all(
      withRoom.map(async (ref) => {
        if (!this.#isFree(ref.type)) return;
        const blocked = await this.#claimOnce(ref, scan);
        if (blocked !== undefined) scan.addBlocked(ref, blocked);
      }),
    );
    return withRoom.length;
  }

  /** While there is more work than slots, gives each priority in turn a share, so that none starves. */
  async #withShare(
    queued: readonly QueuedRef[],
    types: readonly string[],
    scan: QueueScan,
  ): Promise<readonly QueuedRef[]> {
    if (++this.#fullPeeks % sharedEvery !== 0) return queued;
    const { store } = this.#options.parts;
    const below = this.#turn ?? queued[0]?.priority;
    if (below === undefined) return queued;
    const [lower] = scan.unseen(await store.peekQueue(types, scan.limitFor(1), scan.exceptTasks, undefined, below));
    this.#turn = lower?.priority; // without one, the next turn begins at the highest again
    if (lower === undefined) return queued;
    const key = shardKey(lower);
    return [lower, ...queued.filter((ref) => shardKey(ref) !== key)];
  }

  /** Coalesces concurrent claims of one attempt; a second call could only lose. */
  #claimOnce(ref: QueuedRef, scan?: QueueScan): Promise<SaturatedLimit | undefined> {
    const key = epochKey(ref);
    const known = this.#asked.get(key);
    if (known !== undefined) return known;
    const asked = this.#claim(ref, scan).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return asked;
  }

  /** @returns the limit that blocks it, if any */
  async #claim(ref: QueuedRef, scan: QueueScan | undefined): Promise<SaturatedLimit | undefined> {
    const { parts, tasks } = this.#options;
    const retry = this.#retry;
    this.#capacity.use(ref.type);
    let claimed: Claimed | undefined;
    try {
      const claim = { ...epochRef(ref), claimId: this.#nextClaimId() };
      const task = await tasks.get(ref.taskId, retry);
      // Its task was deleted, or the command was forged. Remove what is left, or every scan would find it.
      if (task === undefined) await retry.run(() => parts.store.deleteTask(ref.taskId));
      const node = task?.plan.byId.get(ref.nodeId);
      if (task === undefined) return undefined;
      // No worker can run it. Treated as blocked, so that it does not keep the attempts behind it from their turn.
      if (node === undefined) return { kind: "node", of: shardKey(ref) };
      const [narrowest] = limitsOf(parts.limits.running, ref.taskId, node);
      const saturated = scan?.fullOf(narrowest?.full);
      if (saturated !== undefined) return saturated;
      const rates = ratesOf(parts.limits.running, node);
      const inMs = rates.length === 0 ? 0 : await this.#options.tokens.look(rates, retry);
      if (inMs > 0) return { kind: "rate", of: rates.map(({ key }) => key).join(), inMs }; // else it would wait in a slot
      const full = await this.#slots.take(claim, node, retry);
      if (full !== undefined) return full;
      const now = parts.clock.monotonic();
      const handedOver = this.logs.of(ref.taskId, node.dependsOn[0]);
      const wanted = { claim, task, node, row: { count: 0, since: now, toldAt: now }, handedOver };
      claimed = await this.#claimFrom(wanted);
      if (claimed !== undefined) this.#options.onClaimed(claimed);
      return undefined;
    } finally {
      if (claimed === undefined) {
        this.#capacity.release(ref.type);
        this.#scanForDropped(); // not earlier: until here, this claim's own slot counts as taken
      }
    }
  }

  /** @returns `undefined` if another worker won */
  async #claimFrom(wanted: Omit<Claimed, "record" | "askedAt">): Promise<Claimed | undefined> {
    const { claim, node } = wanted;
    const { parts, supervisor } = this.#options;
    const { store, clock, workerId, limits } = parts;
    const { leaseMs } = limits;
    const by = { workerId, claimId: claim.claimId, leaseMs, habits: this.#options.habitsOf(node) };
    const askedAt = clock.monotonic();
    let record: ShardRecord | undefined;
    try {
      record = await this.#retry.run(() => store.claim(claim, by));
    } catch (error) {
      this.#slots.leave(claim);
      if (supervisor.signal.aborted) await releaseUnknown(store, claim);
      throw error;
    }
    if (record !== undefined) return { ...wanted, record, askedAt };
    this.#contendedScans = scansSpread;
    await this.#slots.free(claim, this.#retry);
    return undefined;
  }

  /** Schedules a scan: no message announces a token. */
  #scanForToken(inMs: number): void {
    const { parts, supervisor } = this.#options;
    const at = parts.clock.monotonic() + inMs;
    if (this.#stopped || (this.#tokenAt !== undefined && this.#tokenAt <= at)) return;
    this.#tokenAt = at;
    supervisor.spawn("queue", async () => {
      await parts.clock.sleep(inMs, supervisor.signal);
      if (this.#tokenAt !== at) return; // another scan is due earlier, and looks again
      this.#tokenAt = undefined;
      await this.fill();
    });
  }

  #scanForDropped(): void {
    if (!this.#droppedCommand) return;
    this.#droppedCommand = false;
    this.#options.supervisor.spawn("queue", () => this.fill());
  }
}

/**
 * The claim may have succeeded although its answer was lost. A caller that does not retry, such as a stopping worker,
 * releases it, in at most two requests, so that others need not wait for the lease to expire.
 */
const releaseUnknown = (store: WorkerStore, claim: Attempt): Promise<unknown> =>
  store.release(claim, 0).catch(() => store.release(claim, 0));
