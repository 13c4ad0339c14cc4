import { FlowError } from "../../../errors/index.ts";
import {
  type AnnounceMessage,
  type TaskDiscoverMessage,
  type TaskSnapshotMessage,
  topics,
} from "../../messages/messages.ts";
import type { ShardRef, WorkerRecord } from "../../model/records.ts";
import type { Clock, WorkerStore } from "../../ports/index.ts";
import type { StoreHealthTracker } from "../../resilience/store-retry.ts";
import type { Supervisor } from "../../resilience/supervisor.ts";
import type { AttemptHandle } from "../attempt/attempt-handle.ts";
import type { WorkerParts } from "../attempt/worker-options.ts";

export interface WorkerPresenceOptions {
  readonly store: WorkerStore;
  readonly clock: Clock;
  /** How long an announcement is valid, in ms; repeated every third of it. */
  readonly ttlMs: number;
  readonly describe: () => WorkerRecord;
  /** Also informs programs that do not read the store. Never rejects. */
  readonly announce?: ((message: AnnounceMessage) => Promise<void>) | undefined;
  readonly watch: StoreHealthTracker;
}

/** In each cycle of this many announcements, the first is kept longer, and the second looks for other workers. */
const keptEvery = 6;

/**
 * Announces to the store, and to other programs, that a worker is alive: for explanations of why a node does not run, and for
 * other workers, which scan the queue less often the more idle workers there are. No decision depends on it.
 */
export class WorkerPresence {
  readonly #options: WorkerPresenceOptions;
  /** The id under which the store may know this worker. */
  #known: string | undefined;
  /** How many workers with free slots share its types, as far as it knows; at least 1. */
  sharers = 1;

  constructor(options: WorkerPresenceOptions) {
    this.#options = options;
  }

  start(supervisor: Supervisor): void {
    const { store, clock, ttlMs, describe, announce, watch } = this.#options;
    let made = 0;
    supervisor.loop("announcements", async () => {
      const worker = describe();
      this.#known = worker.id;
      const nth = made++ % keptEvery;
      await watch.track(() => store.announceWorker(worker, ttlMs, nth === 0));
      await announce?.(online(worker));
      if (nth === 1) {
        const shares = ({ types, running = 0, capacity }: WorkerRecord) =>
          running < capacity && types.some((type) => worker.types.includes(type));
        const { length } = ((await store.liveWorkers?.()) ?? []).filter(shares);
        this.sharers = Math.max(1, length);
      }
      await clock.sleep(ttlMs / 3, supervisor.signal);
    });
  }

  /** Called after the supervisor has stopped, so that no announcement follows. */
  async leave(): Promise<void> {
    if (this.#known === undefined) return;
    await this.#options.announce?.({ kind: "WORKER_OFFLINE", workerId: this.#known });
    try {
      await this.#options.store.removeWorker(this.#known);
    } catch (error) {
      if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error; // its last announcement expires soon
    }
  }
}

/** `store_claims`: it claims from the store, so no coordinator has to act for it. */
const online = ({ id, types, capacity }: WorkerRecord): AnnounceMessage => ({
  kind: "WORKER_ONLINE",
  workerId: id,
  roles: types,
  capabilities: { roles: [...types], store_claims: true },
  version: "1",
  capacity,
});

/** Delay before an idle worker answers: a client may use the first answer, which the worker that runs the node should give. */
const idleAnswerMs = 300;

export interface QueryAnswersOptions {
  readonly parts: WorkerParts;
  /** The node types that this worker serves. */
  readonly types: readonly string[];
  readonly supervisor: Supervisor;
  /** By shard, the attempts that this worker runs. */
  readonly find: (ref: ShardRef) => AttemptHandle | undefined;
}

/** Answers `TASK_DISCOVER`: which worker runs a node. */
export class QueryAnswers {
  readonly #options: QueryAnswersOptions;

  constructor(options: QueryAnswersOptions) {
    this.#options = options;
  }

  async onQuery(query: TaskDiscoverMessage): Promise<void> {
    const { types, supervisor } = this.#options;
    if (await this.#answerRunning(query)) return;
    if (types.includes(query.type)) supervisor.spawn("answer", () => this.#answerIdle(query));
  }

  /** @returns whether the node runs here */
  async #answerRunning(query: TaskDiscoverMessage): Promise<boolean> {
    const { clock, workerId } = this.#options.parts;
    const held = this.#options.find(query);
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

  /** Without it, the sender would wait for an answer until it times out. */
  async #answerIdle(query: TaskDiscoverMessage): Promise<void> {
    const { clock, store } = this.#options.parts;
    const { signal } = this.#options.supervisor;
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
    return this.#options.parts.bus.publish(topics.reply, taskId, { kind: "TASK_SNAPSHOT", ...about, ...snapshot });
  }
}
