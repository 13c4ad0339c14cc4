import { coordinatorFnType } from "../../graph/index.ts";
import type { EpochRef, ShardRecord } from "../model.ts";
import { shardKey } from "../model.ts";
import type { Subscription } from "../ports/index.ts";
import { groups, topics } from "../protocol/topics.ts";
import { Breather } from "../support/breather.ts";
import { hintBus } from "../support/hint-bus.ts";
import { StoreRetry } from "../support/store-retry.ts";
import { type LoopHealth, Supervisor } from "../support/supervisor.ts";
import { runAttempt } from "./attempt.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { HandlerRuntime } from "./handler-runtime.ts";
import { HeldAttempt } from "./held-attempt.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { TaskFacts } from "./task-facts.ts";
import type { WorkerParts } from "./worker-options.ts";

const pollMinMs = 20;

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
  readonly #breather: Breather;
  readonly #tasks: TaskFacts;
  readonly #held = new Map<string, HeldAttempt>();
  readonly #idle = new Set<() => void>();
  #subscriptions: readonly Subscription[] = [];
  /** Claims under way: they hold a slot before the store has answered. */
  #claiming = 0;
  #filling = false;
  #fillAgain = false;
  /** A command came while claims under way held the last slots: should they fail, look in the queue. */
  #droppedCommand = false;
  #busySincePoll = false;
  #stopping: Promise<void> | undefined;

  constructor(parts: WorkerParts) {
    this.#parts = { ...parts, bus: hintBus(parts.bus, parts.logger) };
    this.#runtimes = new Map([...parts.handlers].map(([type, handler]) => [type, new HandlerRuntime(handler)]));
    this.#types = parts.functions === undefined ? [...this.#runtimes.keys()] : [coordinatorFnType];
    this.#supervisor = new Supervisor({ clock: parts.clock, logger: parts.logger });
    this.#leases = new LeaseKeeper({ store: parts.store, clock: parts.clock, leaseMs: parts.limits.leaseMs });
    this.#breather = new Breather(parts.clock);
    this.#tasks = new TaskFacts(parts);
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
          if (message.kind === "command") this.#onCommand(message);
        },
      }),
    );
    const signals = bus.subscribe({
      group: groups.signals(workerId),
      topics: [topics.signals],
      handle: async (message) => {
        // Only a hint: a forged one costs an attempt, its next write asks the store.
        if (message.kind === "cancel") this.#held.get(shardKey(message))?.cancel();
      },
    });
    this.#subscriptions = await Promise.all([...commands, signals]);
    this.#leases.start(this.#supervisor);
    let waitMs = pollMinMs;
    this.#supervisor.loop("queue", async () => {
      await this.#fill();
      waitMs = this.#busySincePoll ? pollMinMs : Math.min(this.#parts.limits.pollMaxMs, waitMs * 2);
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
  }

  get #free(): number {
    return this.#stopping === undefined ? this.#parts.limits.capacity - this.#held.size - this.#claiming : 0;
  }

  #onCommand(ref: EpochRef): void {
    if (this.#filling) {
      this.#fillAgain = true; // by the order of the queue, not past it
    } else if (this.#free > 0) {
      this.#supervisor.spawn("claim", () => this.#claim(ref));
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
        while (this.#free > 0) {
          const queued = await this.#parts.store.peekQueue(this.#types, this.#free);
          if (queued.length === 0) break;
          await Promise.all(queued.map((ref) => (this.#free > 0 ? this.#claim(ref) : undefined)));
        }
      } while (this.#fillAgain);
    } finally {
      this.#filling = false;
    }
  }

  async #claim(ref: EpochRef): Promise<void> {
    const { store, ids, clock, workerId, limits } = this.#parts;
    this.#claiming++;
    let record: ShardRecord | undefined;
    let held: HeldAttempt | undefined;
    try {
      const claimId = ids.next();
      const askedAt = clock.monotonic();
      const retry = new StoreRetry(clock, this.#supervisor);
      record = await retry.ask(() => store.claim(ref, { workerId, claimId, leaseMs: limits.leaseMs }));
      if (record === undefined) return; // another worker was faster
      const { taskId, nodeId, shard, epoch } = record;
      held = new HeldAttempt({ taskId, nodeId, shard, epoch, claimId }, this.#leases.trustedUntil(askedAt));
      this.#held.set(shardKey(held.attempt), held);
    } finally {
      this.#claiming--;
      if (held === undefined) this.#lookForDropped(); // not before: this claim's own slot counts as taken until here
    }
    this.#busySincePoll = true;
    this.#leases.add(held);
    if (this.#stopping !== undefined) held.abandon("stopping");
    const claimed = { held, record };
    this.#supervisor.spawn("attempt", () => this.#run(claimed.held, claimed.record));
  }

  #lookForDropped(): void {
    if (!this.#droppedCommand) return;
    this.#droppedCommand = false;
    this.#supervisor.spawn("queue", () => this.#fill());
  }

  async #run(held: HeldAttempt, claimed: ShardRecord): Promise<void> {
    const pause = this.#breather.pause();
    if (pause !== undefined) await pause;
    try {
      const run = await this.#prepare(held, claimed);
      await runAttempt(run, this.#runtimes.get(run.node.type));
    } finally {
      this.#leases.delete(held);
      const key = shardKey(held.attempt);
      if (this.#held.get(key) === held) this.#held.delete(key);
      if (this.#held.size === 0) for (const ended of this.#idle) ended();
      if (this.#free > 0) this.#supervisor.spawn("queue", () => this.#fill());
    }
  }

  async #prepare(held: HeldAttempt, claimed: ShardRecord): Promise<AttemptRun> {
    const { clock } = this.#parts;
    const retry = new StoreRetry(clock, held);
    const { plan, params } = await this.#tasks.get(claimed.taskId, retry);
    const node = plan.byId.get(claimed.nodeId);
    if (node === undefined) throw new Error(`task ${claimed.taskId} has no node '${claimed.nodeId}'`);
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
      remainingMs: () => (timeoutMs === undefined ? undefined : Math.max(0, startedAt + timeoutMs - clock.monotonic())),
    };
  }
}
