import { FlowError } from "../../errors/index.ts";
import { coordinatorFnType, flowType } from "../../graph/index.ts";
import { groups, topics } from "../messages/messages.ts";
import type { Artifact, Attempt, LogAccess, ShardRecord } from "../model/records.ts";
import type { Answer, SubscribeOptions, Subscription } from "../ports/index.ts";
import { bestEffortBus, isHealthy } from "../resilience/best-effort-bus.ts";
import { after, isPending, StoreHealthTracker } from "../resilience/store-retry.ts";
import { type LoopHealth, runConcurrently, runInOrder, Supervisor } from "../resilience/supervisor.ts";
import { runAttempt, runInRow } from "./attempt/attempt.ts";
import { AttemptHandle } from "./attempt/attempt-handle.ts";
import {
  type AttemptRun,
  type Claimed,
  type HeldClaim,
  HeldRun,
  logUnheeded,
  type NextNode,
  type RunHost,
} from "./attempt/attempt-run.ts";
import { EventLoopYielder, HandlerCode, HandlerRuntime, WorkerServices } from "./attempt/handler-code.ts";
import type { WorkerParts } from "./attempt/worker-options.ts";
import { Claimer } from "./claim/claimer.ts";
import { LeaseRenewer } from "./claim/lease-renewer.ts";
import { RateTokens, ratesOf, TaskCache } from "./claim/limits.ts";
import { QueryAnswers, WorkerPresence } from "./claim/worker-presence.ts";
import { HandlerLoggers } from "./handler-logs.ts";

const pollMinMs = 20;
/** Poll interval without messages: none announces a slot that another process frees, or arrives from a bus that is down. */
const fallbackPollMs = 200;
const longestPollMs = 10_000; // with a bus, among idle workers that share their scans
const oldCommandMs = 600_000; // by then, polls have found what it announced
/** How long attempts that only wait for input may continue when the worker stops. */
const idleMs = 50;
const heedMs = 1_000; // how long a handler may ignore its aborted signal before that is logged

/** Runs what its {@link Claimer} claims: renews leases, calls handlers, frees slots. */
export class WorkerCore {
  readonly #parts: WorkerParts;
  readonly #types: readonly string[];
  readonly #runtimes: ReadonlyMap<string, HandlerRuntime>;
  readonly #supervisor: Supervisor;
  readonly #watch: StoreHealthTracker;
  readonly #leases: LeaseRenewer;
  readonly #presence: WorkerPresence;
  readonly #answers: QueryAnswers;
  readonly #yielder: EventLoopYielder;
  readonly #code: HandlerCode;
  readonly #services: WorkerServices;
  readonly #claimer: Claimer;
  /** Created once: a closure for each attempt would add to the cost of telemetry. */
  readonly #runOne = (run: HeldRun): Answer<boolean> => runAttempt(run, this.#runtimes.get(run.node.type));
  readonly #tokens: RateTokens;
  readonly #host: RunHost;
  #logs: HandlerLoggers | undefined;
  #lingering = 0;
  readonly #idle = new Set<() => void>();
  readonly #subscriptions: Subscription[] = [];
  #busySincePoll = false;
  #stopping: Promise<void> | undefined;

  constructor(parts: WorkerParts) {
    this.#parts = { ...parts, bus: bestEffortBus(parts.bus, parts.logger) };
    const { store, clock, limits, logger } = parts;
    this.#code = new HandlerCode(store);
    this.#services = new WorkerServices({ code: this.#code, clock, logger });
    this.#runtimes = new Map(
      [...parts.handlers].map(([type, handler]) => [type, new HandlerRuntime(handler, this.#services)]),
    );
    this.#types = parts.functions === undefined ? [...this.#runtimes.keys()] : [coordinatorFnType];
    this.#supervisor = new Supervisor({ clock, logger });
    this.#watch = parts.watch ?? new StoreHealthTracker(clock);
    this.#leases = new LeaseRenewer({
      store,
      clock,
      leaseMs: limits.leaseMs,
      watch: this.#watch,
      onPausing: (held) => this.#pause(held),
    });
    this.#presence = new WorkerPresence({
      store,
      clock,
      ttlMs: limits.leaseMs,
      watch: this.#watch,
      // External programs see only a bus without a prefix, and need not know a coordinator's own worker.
      announce:
        parts.bus.prefix === "" && parts.functions === undefined && !parts.handlers.has(flowType)
          ? (message) => this.#parts.bus.publish(topics.announce, parts.workerId, message)
          : undefined,
      describe: () => ({
        id: parts.workerId,
        types: this.#types,
        capacity: limits.capacity,
        running: this.running + this.lingering,
      }),
    });
    this.#answers = new QueryAnswers({
      parts: this.#parts,
      types: this.#types,
      supervisor: this.#supervisor,
      find: (ref) => this.#leases.find(ref),
    });
    this.#yielder = new EventLoopYielder(clock);
    this.#tokens = new RateTokens({ store, clock });
    this.#claimer = new Claimer({
      tokens: this.#tokens,
      parts: this.#parts,
      types: this.#types,
      supervisor: this.#supervisor,
      tasks: new TaskCache(parts),
      watch: this.#watch,
      habitsOf: ({ fn, type }) => (fn === undefined ? this.#runtimes.get(type)?.habits : undefined) ?? functionHabits,
      holds: (ref) => this.#leases.find(ref)?.attempt.epoch === ref.epoch,
      onClaimed: (claimed) => this.#start(claimed),
    });
    this.#host = {
      ...{ parts: this.#parts, yielder: this.#yielder, code: this.#code, logs: this.#claimer.logs },
      tokensOf: (node, retry) => {
        const rates = ratesOf(limits.running, node);
        return rates.length === 0 ? undefined : () => this.#tokens.take(rates, retry);
      },
      loggerOf: (attempt, task) => this.#loggers().of(attempt, task),
      spawn: (work) => this.#supervisor.spawn("attempt", work),
      flushLogs: (taskId) => this.#logs?.flush(taskId),
      keepLease: (held) => this.#leases.keep(held),
      next: (run, kept) => this.#next(run, kept),
    };
  }

  get running(): number {
    return this.#leases.held.size;
  }

  /** Attempts that have ended but whose handlers have not returned: each occupies its slot until then. */
  get lingering(): number {
    return this.#lingering;
  }

  get loops(): readonly LoopHealth[] {
    return this.#supervisor.loops;
  }

  async start(): Promise<void> {
    await this.#subscribe();
    this.#leases.start(this.#supervisor);
    this.#presence.start(this.#supervisor);
    let waitMs = pollMinMs;
    this.#supervisor.loop("queue", async () => {
      await this.#claimer.fill();
      const { pollMaxMs } = this.#parts.limits;
      const isNotified = !this.#claimer.blocked && isHealthy(this.#parts.bus);
      const sharedMs = Math.max(pollMaxMs, Math.min(longestPollMs, pollMaxMs * this.#presence.sharers));
      const maxMs = isNotified ? sharedMs : Math.min(fallbackPollMs, pollMaxMs);
      // With a bus, only commands that a full worker has dropped are missed, and that worker scans when an attempt ends.
      waitMs = this.#busySincePoll && !isNotified ? pollMinMs : Math.min(maxMs, waitMs * 2);
      this.#busySincePoll = false;
      const spread = 0.75 + this.#parts.random() / 2; // so that idle workers do not all poll at once
      await this.#parts.clock.sleep(waitMs * spread, this.#supervisor.signal);
    });
  }

  /**
   * Claims nothing more and begins no further batch; running batches may take `graceMs` to end, then claims are
   * released, and services torn down. Returns the same promise each time.
   */
  stop(options: { readonly graceMs: number }): Promise<void> {
    if (this.#stopping === undefined) {
      this.#claimer.stop();
      for (const held of this.#leases.held) held.windDown();
      this.#stopping = runInOrder("stopping a worker", [
        () =>
          runConcurrently(
            "closing subscriptions",
            this.#subscriptions.map((each) => () => each.close()),
          ),
        () => this.#drain(options.graceMs),
        () => this.#logs?.close(),
        () => this.#supervisor.stop(),
        () => this.#presence.leave(),
        () => this.#services.close(), // when no attempt runs any more
      ]);
    }
    return this.#stopping;
  }

  /** If one fails, the other subscriptions are still recorded, to be closed. */
  async #subscribe(): Promise<void> {
    const { workerId } = this.#parts;
    const commands: SubscribeOptions = {
      group: groups.workers(this.#types),
      topics: this.#types.map(topics.command),
      maxAgeMs: oldCommandMs,
      handle: async (message) => {
        if (message.kind === "TASK_START" && this.#types.includes(message.type)) this.#claimer.onCommand(message);
      },
    };
    const signals: SubscribeOptions = {
      group: groups.signals(workerId),
      topics: [topics.signals, topics.query],
      isPrivate: true,
      handle: async (message) => {
        if (message.kind === "TASK_DISCOVER") return this.#answers.onQuery(message);
        // Only a hint: a forged one costs an attempt, whose next write checks the store.
        if ((message.kind !== "CANCEL" && message.kind !== "PAUSE") || message.targetWorkerId !== workerId) return;
        const held = this.#leases.find(message);
        if (held?.attempt.epoch !== message.epoch) return;
        if (message.kind === "CANCEL") held.cancel();
        else this.#pause(held);
      },
    };
    const subscribe = (options: SubscribeOptions) => async () =>
      void this.#subscriptions.push(await this.#parts.bus.subscribe(options));
    await runConcurrently("subscribing a worker", [commands, signals].map(subscribe));
  }

  async #drain(graceMs: number): Promise<void> {
    const { clock } = this.#parts;
    const until = clock.monotonic() + graceMs;
    for (let left = graceMs; left > 0 && this.#leases.held.size > 0; left = until - clock.monotonic()) {
      // Not at once: a source that has nothing more to yield shows that only when asked for its next batch.
      await clock.sleep(Math.min(idleMs, left), this.#idleSignal());
      for (const held of this.#leases.held) held.releaseIdle();
    }
    for (const held of this.#leases.held) held.abandon("stopping");
    // A claim that was in flight when the worker stopped may arrive after all others have ended.
    while (this.#leases.held.size > 0) await new Promise<void>((resolve) => this.#onceIdle(resolve));
  }

  #onceIdle(ended: () => void): void {
    const once = () => {
      this.#idle.delete(once);
      ended();
    };
    this.#idle.add(once);
  }

  /** Aborted when the attempts held now have ended; one that is claimed later needs a new signal. */
  #idleSignal(): AbortSignal {
    const ended = new AbortController();
    this.#onceIdle(() => ended.abort());
    return ended.signal;
  }

  /** Its task is paused: the attempt ends after its current batches, and is released. */
  #pause(held: AttemptHandle): void {
    if (held.isWindingDown) return;
    held.windDown();
    const { clock } = this.#parts;
    this.#supervisor.spawn("pause", async () => {
      while (this.#leases.held.has(held) && !this.#supervisor.signal.aborted) {
        await clock.sleep(idleMs, this.#supervisor.signal);
        held.releaseIdle();
      }
    });
  }

  #start(claimed: Claimed): void {
    const first = this.#hold(claimed);
    const { telemetry } = this.#parts;
    const run = () => runInRow(first, (each) => this.#run(each));
    const row =
      telemetry === undefined
        ? run
        : () => telemetry.row({ taskId: claimed.claim.taskId, traceparent: claimed.task.traceparent }, run);
    this.#supervisor.spawn("attempt", row);
  }

  #hold(claimed: Claimed): HeldClaim {
    const { claim, askedAt } = claimed;
    const held = new AttemptHandle(claim, this.#leases.trustedUntil(askedAt));
    this.#busySincePoll = true;
    this.#leases.add(held);
    if (this.#stopping !== undefined) held.abandon("stopping");
    return { held, claimed };
  }

  /** Never rejects. @returns the next attempt in the slot */
  #run(claim: HeldClaim): Answer<HeldClaim | undefined> {
    const pause = this.#yielder.pause(claim.claimed.askedAt);
    return pause === undefined ? this.#attempt(claim) : pause.then(() => this.#attempt(claim));
  }

  #attempt(claim: HeldClaim): Answer<HeldClaim | undefined> {
    const { record, task, node } = claim.claimed;
    const isFirst = record.epoch === 1 && node.needed === 0 && record.shard === 0;
    if (isFirst && node === task.plan.nodes.find(({ needed }) => needed === 0))
      this.#parts.starts.log({ taskId: record.taskId, flow: task.plan.graph.name, traceparent: task.traceparent });
    const run = new HeldRun(this.#host, claim);
    let running: Answer<boolean>;
    try {
      running = this.#runTraced(run);
    } catch (error) {
      return this.#failed(run, error);
    }
    if (!isPending(running)) return this.#ended(run, running);
    return running.then(
      (left) => this.#ended(run, left),
      (error: unknown) => this.#failed(run, error),
    );
  }

  #failed(run: HeldRun, error: unknown): Answer<HeldClaim | undefined> {
    this.#supervisor.report("attempt", error);
    run.ending ??= { outcome: "fenced" }; // without a write: the lease decides
    return this.#freed(run, false);
  }

  /** @param left - whether the shard's record is known to have left this claim */
  #ended(run: HeldRun, left: boolean): Answer<HeldClaim | undefined> {
    if (!left) this.#supervisor.spawn("leftovers", () => this.#removeLeftovers(run.held.attempt));
    return this.#freed(run, left);
  }

  #freed(run: HeldRun, left: boolean): Answer<HeldClaim | undefined> {
    const { held, follower } = run;
    this.#observeEnd(run);
    const freeing = this.#claimer.freeSlots(held.attempt, left)?.catch((error: unknown) => {
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) this.#supervisor.report("attempt", error); // a sweep frees them
    });
    if (freeing === undefined) return this.#release(run);
    if (follower === undefined) return freeing.then(() => this.#release(run));
    this.#supervisor.spawn("slots", () => freeing);
    return this.#release(run);
  }

  /** Its slot must be freed in any case: a span processor of the program may throw. */
  #observeEnd(run: HeldRun): void {
    try {
      this.#parts.telemetry?.attemptEnded(run);
    } catch (error) {
      this.#supervisor.report("telemetry", error);
    }
  }

  #release(run: HeldRun): HeldClaim | undefined {
    const { held, follower } = run;
    this.#leases.delete(held);
    if (held.returned !== undefined && follower === undefined) this.#linger(run, run.claimed.type, held.returned);
    else if (follower === undefined) this.#claimer.release(run.claimed.type);
    if (this.#leases.held.size === 0) for (const ended of this.#idle) ended();
    if (follower === undefined) this.#scanQueue();
    return follower;
  }

  #runTraced(run: HeldRun): Answer<boolean> {
    run.trace = this.#parts.telemetry?.attempt(run);
    return run.trace === undefined ? this.#runOne(run) : run.trace.run(run, this.#runOne);
  }

  #next(run: HeldRun, kept: readonly Artifact[] | undefined): Answer<NextNode | undefined> {
    if (run.held.returned !== undefined) return undefined; // leftover handler code needs the slot until it returns
    return after(this.#claimer.next(run.from, kept), (next) => {
      if (next === undefined) return undefined;
      const begin = (record: ShardRecord | undefined) => {
        // Handler code that was called meanwhile and has not returned needs the slot.
        if (record !== undefined && run.held.returned !== undefined)
          return void this.#supervisor.spawn("slots", () => next.giveUp(true));
        const following = next.begin(record);
        if (following !== undefined) run.follower = this.#hold(following.claimed);
        return following;
      };
      return { ...next, begin };
    });
  }

  #scanQueue(): void {
    if (this.#stopping === undefined) this.#supervisor.spawn("queue", () => this.#claimer.fill());
  }

  /** Handler code that ignores its signal cannot be ended: it occupies its slot. */
  #linger(run: AttemptRun, type: string, returned: Promise<void>): void {
    const heeding = new AbortController();
    this.#lingering++;
    void returned.then(() => {
      this.#lingering--;
      heeding.abort();
      this.#claimer.release(type);
      this.#scanQueue();
    });
    void this.#parts.clock.sleep(heedMs, heeding.signal).then(() => {
      if (!heeding.signal.aborted) logUnheeded(run, type);
    });
  }

  /** If the attempt was superseded or its task deleted, a write that was in flight would otherwise remain forever. */
  async #removeLeftovers({ taskId }: Attempt): Promise<void> {
    const { store } = this.#parts;
    if ((await store.readTask(taskId)) === undefined) await store.deleteTask(taskId);
  }

  /** Created on demand: most handlers log nothing. */
  #loggers(): HandlerLoggers {
    this.#logs ??= new HandlerLoggers(this.#parts, this.#supervisor);
    return this.#logs;
  }
}

/** A function has one output, which a later attempt adopts. */
const functionHabits: LogAccess = { resumes: true, rereads: true };
