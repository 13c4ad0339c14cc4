import { FlowError } from "../../errors/index.ts";
import { coordinatorFnType } from "../../graph/index.ts";
import type { Attempt, EpochRef, ShardRecord } from "../model.ts";
import { shardKey } from "../model.ts";
import type { QueuedRef, Subscription } from "../ports/index.ts";
import { groups, topics } from "../protocol/topics.ts";
import { Breather } from "../support/breather.ts";
import { hintBus } from "../support/hint-bus.ts";
import { StoreRetry } from "../support/store-retry.ts";
import { type LoopHealth, Supervisor } from "../support/supervisor.ts";
import { Announcer } from "./announcer.ts";
import { runAttempt } from "./attempt.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { Capacity } from "./capacity.ts";
import { HandlerRuntime } from "./handler-runtime.ts";
import { HeldAttempt } from "./held-attempt.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { QueuePass } from "./queue-pass.ts";
import { type Full, RunningSlots } from "./running-limits.ts";
import { TaskFacts } from "./task-facts.ts";
import type { WorkerParts } from "./worker-options.ts";

const pollMinMs = 20;
/** A slot of a limit may be freed in another process, which tells nobody. */
const heldUpPollMs = 200;

/**
 * Claims attempts of its types while it has free slots, and runs them.
 *
 * The store is the queue. A command on the bus names an attempt that has just become ready: with a free slot it is
 * claimed by its key at once, without a look at the queue. With none the command is dropped, for whoever ends an attempt
 * looks in the queue, and so does every worker from time to time: no worker holds up what another could do.
 */
export class WorkerCore {
  readonly #parts: WorkerParts;
  readonly #types: readonly string[];
  readonly #runtimes: ReadonlyMap<string, HandlerRuntime>;
  readonly #supervisor: Supervisor;
  readonly #leases: LeaseKeeper;
  readonly #announcer: Announcer;
  readonly #breather: Breather;
  readonly #tasks: TaskFacts;
  readonly #held = new Map<string, HeldAttempt>();
  /** Used from the decision to claim, before the store has answered, until the attempt has ended. */
  readonly #capacity: Capacity;
  readonly #slots: RunningSlots;
  readonly #idle = new Set<() => void>();
  #subscriptions: readonly Subscription[] = [];
  #filling = false;
  #fillAgain = false;
  /** A command came while claims under way held the last slots: should they fail, look in the queue. */
  #droppedCommand = false;
  #busySincePoll = false;
  /** The last look at the queue found something that only a limit keeps from running. */
  #heldUp = false;
  #stopping: Promise<void> | undefined;

  constructor(parts: WorkerParts) {
    this.#parts = { ...parts, bus: hintBus(parts.bus, parts.logger) };
    this.#runtimes = new Map([...parts.handlers].map(([type, handler]) => [type, new HandlerRuntime(handler)]));
    this.#types = parts.functions === undefined ? [...this.#runtimes.keys()] : [coordinatorFnType];
    this.#supervisor = new Supervisor({ clock: parts.clock, logger: parts.logger });
    this.#leases = new LeaseKeeper({ store: parts.store, clock: parts.clock, leaseMs: parts.limits.leaseMs });
    this.#announcer = new Announcer({
      store: parts.store,
      clock: parts.clock,
      ttlMs: parts.limits.leaseMs,
      say: () => ({
        id: parts.workerId,
        types: this.#types,
        capacity: parts.limits.capacity,
        running: this.running,
      }),
    });
    this.#breather = new Breather(parts.clock);
    this.#tasks = new TaskFacts(parts);
    this.#capacity = new Capacity(parts.limits);
    this.#slots = new RunningSlots({ store: parts.store, limits: parts.limits.running });
  }

  get running(): number {
    return this.#held.size;
  }

  get loops(): readonly LoopHealth[] {
    return this.#supervisor.loops;
  }

  async start(): Promise<void> {
    const { bus, workerId } = this.#parts;
    const commands = this.#types.map((type) =>
      bus.subscribe({
        group: groups.workers(type),
        topics: [topics.command(type)],
        handle: async (message) => {
          if (message.kind === "TASK_START") this.#onCommand({ ...message, type });
        },
      }),
    );
    const signals = bus.subscribe({
      group: groups.signals(workerId),
      topics: [topics.signals],
      handle: async (message) => {
        // Only a hint: a forged one costs an attempt, its next write asks the store.
        if (message.kind !== "CANCEL") return;
        const held = this.#held.get(shardKey(message));
        if (held?.attempt.epoch === message.epoch) held.cancel();
      },
    });
    this.#subscriptions = await Promise.all([...commands, signals]);
    this.#leases.start(this.#supervisor);
    this.#announcer.start(this.#supervisor);
    let waitMs = pollMinMs;
    this.#supervisor.loop("queue", async () => {
      await this.#fill();
      const mostMs = this.#heldUp ? heldUpPollMs : this.#parts.limits.pollMaxMs;
      waitMs = this.#busySincePoll ? pollMinMs : Math.min(mostMs, waitMs * 2);
      this.#busySincePoll = false;
      const spread = 0.75 + this.#parts.random() / 2; // so that idle workers don't all look at once
      await this.#parts.clock.sleep(waitMs * spread, this.#supervisor.signal);
    });
  }

  /**
   * Takes nothing more, lets running attempts end for `graceMs`, then hands their claims back. The same promise at each
   * call.
   */
  stop(options: { readonly graceMs: number }): Promise<void> {
    this.#stopping ??= this.#stop(options.graceMs);
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<void> {
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()));
    if (this.#held.size > 0) {
      const waiting = new AbortController();
      const allEnded = new Promise<void>((resolve) => this.#idle.add(resolve)).then(() => waiting.abort());
      await this.#parts.clock.sleep(graceMs, waiting.signal);
      if (this.#held.size > 0) {
        for (const held of this.#held.values()) held.abandon("stopping");
        await allEnded;
      }
    }
    await this.#supervisor.stop();
    await this.#announcer.leave();
  }

  #isFree(type: string): boolean {
    return this.#stopping === undefined && this.#capacity.isFree(type);
  }

  #onCommand(ref: QueuedRef): void {
    if (this.#filling) {
      this.#fillAgain = true; // by the order of the queue, not past it
    } else if (this.#isFree(ref.type)) {
      this.#supervisor.spawn("claim", async () => void (await this.#claim(ref)));
    } else {
      this.#droppedCommand = true;
    }
  }

  /** Takes from the queue until all slots are full or nothing is left. One run at a time; a call during a run makes it look again. */
  async #fill(): Promise<void> {
    if (this.#filling) {
      this.#fillAgain = true;
      return;
    }
    this.#filling = true;
    try {
      do {
        this.#fillAgain = false;
        const pass = new QueuePass();
        while (await this.#take(pass));
        this.#heldUp = pass.heldUpAny;
      } while (this.#fillAgain);
    } finally {
      this.#filling = false;
    }
  }

  /** @returns whether it is worth while to look once more */
  async #take(pass: QueuePass): Promise<boolean> {
    const types = pass.openTypes(this.#types).filter((type) => this.#isFree(type));
    if (types.length === 0) return false;
    const limit = pass.limitFor(this.#capacity.free);
    const queued = await this.#parts.store.peekQueue(types, limit, pass.exceptTasks);
    const unseen = pass.unseen(queued);
    if (unseen.length === 0) return false;
    await Promise.all(
      unseen.map(async (ref) => {
        if (!this.#isFree(ref.type)) return;
        const heldUp = await this.#claim(ref);
        if (heldUp !== undefined) pass.heldUp(ref, heldUp);
      }),
    );
    return true;
  }

  /** @returns the limit that doesn't let it run now, if one doesn't */
  async #claim(ref: QueuedRef): Promise<Full | undefined> {
    const { type } = ref;
    this.#capacity.use(type);
    let held: HeldAttempt | undefined;
    try {
      const retry = new StoreRetry(this.#parts.clock, this.#supervisor);
      const claim = { ...epochRef(ref), claimId: this.#parts.ids.next() };
      const facts = await this.#tasks.get(ref.taskId, retry);
      const node = facts?.plan.byId.get(ref.nodeId);
      if (node === undefined) return undefined; // its task was deleted, or the command was forged
      const full = await this.#slots.take(claim, node, retry);
      if (full !== undefined) return full;
      const claimed = await this.#claimFrom(claim, retry);
      held = claimed?.held;
      if (claimed === undefined) return undefined; // another worker was faster
      this.#supervisor.spawn("attempt", () => this.#run(claimed.held, claimed.record));
      return undefined;
    } finally {
      if (held === undefined) {
        this.#capacity.giveBack(type);
        this.#lookForDropped(); // not before: this claim's own slot counts as taken until here
      }
    }
  }

  async #claimFrom(
    claim: Attempt,
    retry: StoreRetry,
  ): Promise<{ readonly held: HeldAttempt; readonly record: ShardRecord } | undefined> {
    const { store, clock, workerId, limits } = this.#parts;
    const askedAt = clock.monotonic();
    let record: ShardRecord | undefined;
    try {
      record = await retry.ask(() => store.claim(claim, { workerId, claimId: claim.claimId, leaseMs: limits.leaseMs }));
    } catch (error) {
      this.#slots.leave(claim);
      throw error;
    }
    if (record === undefined) {
      await this.#slots.free(claim, retry);
      return undefined;
    }
    const held = new HeldAttempt(claim, this.#leases.trustedUntil(askedAt));
    this.#held.set(shardKey(claim), held);
    this.#busySincePoll = true;
    this.#leases.add(held);
    if (this.#stopping !== undefined) held.abandon("stopping");
    return { held, record };
  }

  #lookForDropped(): void {
    if (!this.#droppedCommand) return;
    this.#droppedCommand = false;
    this.#supervisor.spawn("queue", () => this.#fill());
  }

  async #run(held: HeldAttempt, claimed: ShardRecord): Promise<void> {
    const pause = this.#breather.pause();
    if (pause !== undefined) await pause;
    let left = false;
    try {
      const run = await this.#prepare(held, claimed);
      left = await runAttempt(run, this.#runtimes.get(run.node.type));
    } finally {
      await this.#freeSlots(held.attempt, left);
      this.#leases.delete(held);
      this.#capacity.giveBack(claimed.type);
      const key = shardKey(held.attempt);
      if (this.#held.get(key) === held) this.#held.delete(key);
      if (this.#held.size === 0) for (const ended of this.#idle) ended();
      if (this.#stopping === undefined) this.#supervisor.spawn("queue", () => this.#fill());
    }
  }

  async #freeSlots(attempt: Attempt, left: boolean): Promise<void> {
    if (!left) return this.#slots.leave(attempt);
    try {
      await this.#slots.free(attempt, new StoreRetry(this.#parts.clock, this.#supervisor));
    } catch (error) {
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error; // a sweep finds them
    }
  }

  async #prepare(held: HeldAttempt, claimed: ShardRecord): Promise<AttemptRun> {
    const { clock } = this.#parts;
    const retry = new StoreRetry(clock, held);
    const facts = await this.#tasks.get(claimed.taskId, retry);
    const node = facts?.plan.byId.get(claimed.nodeId);
    if (facts === undefined || node === undefined) throw new Error(`${shardKey(claimed)} has no task any more`);
    const { plan, params } = facts;
    const startedAt = clock.monotonic();
    const { timeoutMs } = node;
    return {
      parts: this.#parts,
      breather: this.#breather,
      held,
      claimed,
      node,
      plan,
      params,
      retry,
      at: { batchUid: undefined },
      keepLease: () => this.#leases.keep(held),
      remainingMs: () => (timeoutMs === undefined ? undefined : Math.max(0, startedAt + timeoutMs - clock.monotonic())),
    };
  }
}

const epochRef = ({ taskId, nodeId, shard, epoch }: EpochRef): EpochRef => ({ taskId, nodeId, shard, epoch });
