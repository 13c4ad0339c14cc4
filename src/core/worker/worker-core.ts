import { FlowError } from "../../errors/index.ts";
import { coordinatorFnType } from "../../graph/index.ts";
import type { TaskDiscoverMessage, TaskSnapshotMessage } from "../messages/messages.ts";
import { groups, topics } from "../messages/topics.ts";
import { type Attempt, type LogAccess, shardKey } from "../model/records.ts";
import type { SubscribeOptions, Subscription } from "../ports/index.ts";
import { bestEffortBus, isHealthy } from "../resilience/best-effort-bus.ts";
import { EventLoopYielder } from "../resilience/event-loop-yield.ts";
import { runConcurrently, runInOrder } from "../resilience/run-all.ts";
import { StoreHealthTracker, StoreRetry } from "../resilience/store-retry.ts";
import { type LoopHealth, Supervisor } from "../resilience/supervisor.ts";
import { runAttempt } from "./attempt/attempt.ts";
import { AttemptHandle } from "./attempt/attempt-handle.ts";
import type { AttemptRun } from "./attempt/attempt-run.ts";
import { HandlerCode } from "./attempt/handler-code.ts";
import { HandlerRuntime } from "./attempt/handler-runtime.ts";
import type { WorkerParts } from "./attempt/worker-options.ts";
import { type Claimed, Claimer } from "./claim/claimer.ts";
import { LeaseRenewer } from "./claim/lease-renewer.ts";
import { TaskCache } from "./claim/task-cache.ts";
import { WorkerPresence } from "./claim/worker-presence.ts";

const pollMinMs = 20;
/** A slot of a limit may be freed in another process, which tells nobody; nor does anybody while the bus is away. */
const unheardPollMs = 200;
/** Whoever asks who runs a node may go by the first answer: the worker that does is let answer first. */
const idleAnswerMs = 300;
/** How long what only waits for input is left waiting when the worker stops. */
const idleMs = 50;
/** How long a handler may take to heed its signal before it is logged. */
const heedMs = 1_000;

/** Runs what its {@link Claimer} claims: holds the leases, calls the handlers, gives the slots back. */
export class WorkerCore {
  readonly #parts: WorkerParts;
  readonly #types: readonly string[];
  readonly #runtimes: ReadonlyMap<string, HandlerRuntime>;
  readonly #supervisor: Supervisor;
  readonly #watch: StoreHealthTracker;
  readonly #leases: LeaseRenewer;
  readonly #announcer: WorkerPresence;
  readonly #breather: EventLoopYielder;
  readonly #code: HandlerCode;
  readonly #claimer: Claimer;
  readonly #held = new Map<string, AttemptHandle>();
  #lingering = 0;
  readonly #idle = new Set<() => void>();
  readonly #subscriptions: Subscription[] = [];
  #busySincePoll = false;
  #stopping: Promise<void> | undefined;

  constructor(parts: WorkerParts) {
    this.#parts = { ...parts, bus: bestEffortBus(parts.bus, parts.logger) };
    this.#runtimes = new Map([...parts.handlers].map(([type, handler]) => [type, new HandlerRuntime(handler)]));
    this.#types = parts.functions === undefined ? [...this.#runtimes.keys()] : [coordinatorFnType];
    const { store, clock, limits } = parts;
    this.#supervisor = new Supervisor({ clock, logger: parts.logger });
    this.#watch = parts.watch ?? new StoreHealthTracker(clock);
    this.#leases = new LeaseRenewer({ store, clock, leaseMs: limits.leaseMs, watch: this.#watch });
    this.#announcer = new WorkerPresence({
      store,
      clock,
      ttlMs: limits.leaseMs,
      watch: this.#watch,
      // Other programs see a bus without a prefix. What a coordinator runs itself is none of their business.
      tell:
        parts.bus.prefix === "" && parts.functions === undefined
          ? (message) => this.#parts.bus.publish(topics.announce, parts.workerId, message)
          : undefined,
      say: () => ({
        id: parts.workerId,
        types: this.#types,
        capacity: limits.capacity,
        running: this.running + this.lingering,
      }),
    });
    this.#breather = new EventLoopYielder(clock);
    this.#code = new HandlerCode(store);
    this.#claimer = new Claimer({
      parts: this.#parts,
      types: this.#types,
      supervisor: this.#supervisor,
      tasks: new TaskCache(parts),
      watch: this.#watch,
      habitsOf: ({ fn, type }) => (fn === undefined ? this.#runtimes.get(type)?.habits : undefined) ?? functionHabits,
      onClaimed: (claimed) => this.#hold(claimed),
    });
  }

  get running(): number {
    return this.#held.size;
  }

  /** Attempts that have ended, and whose handlers have not returned: each keeps its slot until then. */
  get lingering(): number {
    return this.#lingering;
  }

  get loops(): readonly LoopHealth[] {
    return this.#supervisor.loops;
  }

  async start(): Promise<void> {
    await this.#subscribe();
    this.#leases.start(this.#supervisor);
    this.#announcer.start(this.#supervisor);
    let waitMs = pollMinMs;
    this.#supervisor.loop("queue", async () => {
      await this.#claimer.fill();
      const { pollMaxMs } = this.#parts.limits;
      const isTold = !this.#claimer.heldUp && isHealthy(this.#parts.bus);
      const mostMs = isTold ? pollMaxMs : Math.min(unheardPollMs, pollMaxMs);
      waitMs = this.#busySincePoll ? pollMinMs : Math.min(mostMs, waitMs * 2);
      this.#busySincePoll = false;
      const spread = 0.75 + this.#parts.random() / 2; // so that idle workers don't all look at once
      await this.#parts.clock.sleep(waitMs * spread, this.#supervisor.signal);
    });
  }

  /**
   * Claims nothing more and begins no further batch; lets running batches end for `graceMs`, then hands the claims back.
   * The same promise at each call.
   */
  stop(options: { readonly graceMs: number }): Promise<void> {
    if (this.#stopping === undefined) {
      this.#claimer.stop();
      for (const held of this.#held.values()) held.windDown();
      this.#stopping = runInOrder("stopping a worker", [
        () =>
          runConcurrently(
            "closing subscriptions",
            this.#subscriptions.map((each) => () => each.close()),
          ),
        () => this.#letGo(options.graceMs),
        () => this.#supervisor.stop(),
        () => this.#announcer.leave(),
      ]);
    }
    return this.#stopping;
  }

  /** Should one fail, the others are there to be closed. */
  async #subscribe(): Promise<void> {
    const { workerId } = this.#parts;
    const commands = this.#types.map(
      (type): SubscribeOptions => ({
        group: groups.workers(type),
        topics: [topics.command(type)],
        handle: async (message) => {
          if (message.kind === "TASK_START") this.#claimer.onCommand({ ...message, type });
        },
      }),
    );
    const signals: SubscribeOptions = {
      group: groups.signals(workerId),
      topics: [topics.signals, topics.query],
      isPrivate: true,
      handle: async (message) => {
        if (message.kind === "TASK_DISCOVER") return this.#onQuery(message);
        // Only a hint: a forged one costs an attempt, its next write asks the store.
        if (message.kind !== "CANCEL" || message.targetWorkerId !== workerId) return;
        const held = this.#held.get(shardKey(message));
        if (held?.attempt.epoch === message.epoch) held.cancel();
      },
    };
    const { bus } = this.#parts;
    const subscribe = (options: SubscribeOptions) => async () => {
      this.#subscriptions.push(await bus.subscribe(options));
    };
    await runConcurrently("subscribing a worker", [...commands, signals].map(subscribe));
  }

  async #onQuery(query: TaskDiscoverMessage): Promise<void> {
    if (await this.#answerRunning(query)) return;
    if (this.#types.includes(query.type)) this.#supervisor.spawn("answer", () => this.#answerIdle(query));
  }

  /** @returns whether the node runs here */
  async #answerRunning(query: TaskDiscoverMessage): Promise<boolean> {
    const { clock, workerId } = this.#parts;
    const held = this.#held.get(shardKey(query));
    if (held === undefined) return false;
    const { epoch, claimId } = held.attempt;
    const deadline = Math.round(clock.now() + held.until - clock.monotonic());
    await this.#reply(query, {
      epoch,
      workerId,
      runState: held.reason === "cancelling" ? "cancelling" : "running",
      attemptEpoch: epoch,
      lease: { workerId, leaseId: claimId, deadline },
      artifacts: { complete: false },
    });
    return true;
  }

  /** So that whoever asks need not wait for an answer that never comes. */
  async #answerIdle(query: TaskDiscoverMessage): Promise<void> {
    const { clock, store } = this.#parts;
    const { signal } = this.#supervisor;
    await clock.sleep(idleAnswerMs, signal);
    if (signal.aborted || (await this.#answerRunning(query))) return;
    const { taskId, nodeId, shard, epoch } = query;
    const record = (await store.readShards(taskId, [nodeId])).find((each) => each.shard === shard);
    const artifacts = record?.status === "finished" ? { artifacts: { complete: true } } : {};
    await this.#reply(query, { epoch, runState: "idle", attemptEpoch: 0, ...artifacts });
  }

  #reply(
    { taskId, nodeId, shard, type, corrId }: TaskDiscoverMessage,
    snapshot: Omit<TaskSnapshotMessage, "kind" | "taskId" | "nodeId" | "shard" | "type">,
  ): Promise<void> {
    const about = { taskId, nodeId, shard, type, ...(corrId === undefined ? {} : { corrId }) };
    return this.#parts.bus.publish(topics.reply, taskId, { kind: "TASK_SNAPSHOT", ...about, ...snapshot });
  }

  async #letGo(graceMs: number): Promise<void> {
    const { clock } = this.#parts;
    const until = clock.monotonic() + graceMs;
    for (let left = graceMs; left > 0 && this.#held.size > 0; left = until - clock.monotonic()) {
      // Not at once: a source that has nothing more to give says so only when it is asked for more.
      await clock.sleep(Math.min(idleMs, left), this.#idleSignal());
      for (const held of this.#held.values()) held.letGoIdle();
    }
    for (const held of this.#held.values()) held.abandon("stopping");
    // A claim that was on its way when the worker stopped may be held after all others have ended.
    while (this.#held.size > 0) await new Promise<void>((resolve) => this.#idle.add(resolve));
  }

  /** Aborted when the attempts held now have ended; one that is claimed later needs a new signal. */
  #idleSignal(): AbortSignal {
    const ended = new AbortController();
    this.#idle.add(() => ended.abort());
    return ended.signal;
  }

  #hold(claimed: Claimed): void {
    const { claim, askedAt } = claimed;
    const held = new AttemptHandle(claim, this.#leases.trustedUntil(askedAt));
    this.#held.set(shardKey(claim), held);
    this.#busySincePoll = true;
    this.#leases.add(held);
    if (this.#stopping !== undefined) held.abandon("stopping");
    this.#supervisor.spawn("attempt", () => this.#run(held, claimed));
  }

  async #run(held: AttemptHandle, claimed: Claimed): Promise<void> {
    const pause = this.#breather.pause();
    if (pause !== undefined) await pause;
    let left = false;
    const run = this.#prepare(held, claimed);
    try {
      left = await runAttempt(run, this.#runtimes.get(claimed.node.type));
      if (!left) this.#supervisor.spawn("left behind", () => this.#removeLeftBehind(held.attempt));
    } finally {
      await this.#freeSlots(held.attempt, left);
      this.#leases.delete(held);
      const { type } = claimed.record;
      const { returned } = held;
      if (returned === undefined) this.#claimer.giveBack(type);
      else this.#linger(run, type, returned);
      const key = shardKey(held.attempt);
      if (this.#held.get(key) === held) this.#held.delete(key);
      if (this.#held.size === 0) this.#endIdleWaits();
      this.#lookForMore();
    }
  }

  #endIdleWaits(): void {
    const waiting = [...this.#idle];
    this.#idle.clear();
    for (const ended of waiting) ended();
  }

  #lookForMore(): void {
    if (this.#stopping === undefined) this.#supervisor.spawn("queue", () => this.#claimer.fill());
  }

  /** Nothing can end handler code that ignores its signal: it keeps its slot, and the worker claims nothing in its place. */
  #linger({ held, at }: AttemptRun, type: string, returned: Promise<void>): void {
    const heeding = new AbortController();
    this.#lingering++;
    void returned.then(() => {
      this.#lingering--;
      heeding.abort();
      this.#claimer.giveBack(type);
      this.#lookForMore();
    });
    const { clock, logger } = this.#parts;
    const { taskId, nodeId, shard, epoch } = held.attempt;
    const batch = at.batchUid === undefined ? {} : { batchUid: at.batchUid };
    const fields = { taskId, nodeId, shard, epoch, ...batch, type, ended: held.reason ?? "failed" };
    void clock.sleep(heedMs, heeding.signal).then(() => {
      if (heeding.signal.aborted) return;
      logger.warn(
        fields,
        "a handler ignores its AbortSignal: its attempt has ended, but it occupies its slot until it returns",
      );
    });
  }

  /** The attempt is another's now, or its task was deleted: what it had on its way then would stay for ever. */
  async #removeLeftBehind({ taskId }: Attempt): Promise<void> {
    const { store } = this.#parts;
    if ((await store.readTask(taskId)) === undefined) await store.deleteTask(taskId);
  }

  async #freeSlots(attempt: Attempt, left: boolean): Promise<void> {
    try {
      await this.#claimer.freeSlots(attempt, left);
    } catch (error) {
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error; // a sweep finds them
    }
  }

  #prepare(held: AttemptHandle, { record, facts, node }: Claimed): AttemptRun {
    const { clock } = this.#parts;
    const { plan, params, traceparent } = facts;
    const startedAt = clock.monotonic();
    const { timeoutMs } = node;
    return {
      parts: this.#parts,
      breather: this.#breather,
      code: this.#code,
      held,
      claimed: record,
      node,
      plan,
      params,
      traceparent,
      retry: new StoreRetry(clock, held),
      at: { batchUid: undefined },
      keepLease: () => this.#leases.keep(held),
      remainingMs: () => (timeoutMs === undefined ? undefined : Math.max(0, startedAt + timeoutMs - clock.monotonic())),
    };
  }
}

/** A function has one output, which each attempt that finds it takes over. */
const functionHabits: LogAccess = { resumes: true, rereads: true };
