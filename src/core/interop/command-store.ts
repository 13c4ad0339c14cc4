import type { Logger } from "../../definitions/index.ts";
import { FlowError } from "../../errors/index.ts";
import {
  type AttemptEvent,
  isStatus,
  type Message,
  messageKey,
  type StatusMessage,
  type TaskStartMessage,
  topics,
  traceOf,
} from "../messages/messages.ts";
import {
  cancelShard,
  claimShard,
  confirmCancelledShard,
  createShard,
  failShard,
  fence,
  finishShard,
  type Judged,
  releaseShard,
  renewLease,
} from "../model/index.ts";
import { type Attempt, type Origin, type ShardRecord, type ShardRef, shardKey } from "../model/records.ts";
import type {
  Bus,
  Clock,
  PlainRow,
  PlainRows,
  RegistryJudge,
  RegistryKey,
  WorkerStore,
  WriteAnswer,
} from "../ports/index.ts";
import { bestEffortBus } from "../resilience/best-effort-bus.ts";
import { commandGraph, commandProblem } from "./nodes.ts";
import { batchStored, SeenRows, shortened } from "./worker-events.ts";

const maxKept = 10_000;
const cancelGraceMs = 30_000;
const finalUid = "__final__";

/** A command and its state in this process. */
interface Work {
  readonly command: TaskStartMessage;
  record: ShardRecord;
  cancelReason: string;
  /** What this attempt has stored. */
  readonly uids: Set<string>;
  readonly origins: Map<string, Origin>;
}

/**
 * The store of a worker whose coordinators are external. They keep no records that the engine can read, so an attempt
 * exists only as its command, for as long as this process. Its progress is reported by messages; artifacts are plain
 * rows, and a later attempt, here or elsewhere, writes the same ones again.
 */
export class CommandStore implements WorkerStore {
  readonly retriesAttempts = true;
  readonly #rows: PlainRows;
  readonly #bus: Bus;
  /** Throws if a message is too large; the other bus drops it. */
  readonly #sizedBus: Bus;
  readonly #clock: Clock;
  readonly #workerId: string;
  readonly #work = new Map<string, Work>();
  readonly #seen: SeenRows;

  constructor(options: {
    readonly rows: PlainRows;
    readonly bus: Bus;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly workerId: string;
  }) {
    const { rows, bus, logger } = options;
    this.#rows = rows;
    this.#seen = new SeenRows(rows);
    this.#bus = bestEffortBus(bus, logger);
    this.#sizedBus = bestEffortBus(bus, logger, { throwsTooLarge: true });
    this.#clock = options.clock;
    this.#workerId = options.workerId;
  }

  /** The worker's bus. This store receives every message first, and reports on attempts itself. */
  get bus(): Bus {
    const bus = this.#bus;
    return {
      publish: async (topic, key, message) => {
        if (!isStatus(message)) await bus.publish(topic, key, message);
      },
      subscribe: (options) =>
        bus.subscribe({
          ...options,
          handle: async (message) => {
            this.#receive(message);
            await options.handle(message);
          },
        }),
      close: () => bus.close(),
    };
  }

  // ---- reads

  async readTask(id: string): ReturnType<WorkerStore["readTask"]> {
    const commands = [...this.#work.values()].map(({ command }) => command).filter(({ taskId }) => taskId === id);
    if (commands.length === 0) return undefined;
    const trace = traceOf(commands.find(({ traceparent }) => traceparent !== undefined) ?? {});
    return { graph: commandGraph(commands), params: {}, ...trace, isPartial: true }; // a further command may name more of its nodes
  }

  async readShards(taskId: string, nodeIds: readonly string[] = []): Promise<ShardRecord[]> {
    return Promise.all(nodeIds.map((nodeId) => this.#recordOf({ taskId, nodeId, shard: 0 })));
  }

  async peekQueue(types: readonly string[], limit: number): ReturnType<WorkerStore["peekQueue"]> {
    const queued = [...this.#work.values()].filter(({ record }) => record.status === "queued");
    return queued
      .filter(({ record }) => types.includes(record.type))
      .slice(0, limit)
      .map(({ record: { taskId, nodeId, shard, epoch, type } }) => ({ taskId, nodeId, shard, epoch, type }));
  }

  async readArtifacts(
    ref: ShardRef,
    _generation: number,
    from: number,
    limit: number,
  ): ReturnType<WorkerStore["readArtifacts"]> {
    return this.#seen.read(ref, from, limit);
  }

  async tail(ref: ShardRef): ReturnType<WorkerStore["tail"]> {
    const work = this.#work.get(shardKey(ref));
    return { length: work?.uids.size ?? 0, closed: false, origins: [...(work?.origins.values() ?? [])] };
  }

  async readUids(ref: ShardRef, _generation: number, from: number, limit: number): ReturnType<WorkerStore["readUids"]> {
    return [...(this.#work.get(shardKey(ref))?.uids ?? [])].slice(from, from + limit);
  }

  async storedUids(ref: ShardRef, _generation: number, uids: readonly string[]): ReturnType<WorkerStore["storedUids"]> {
    const stored = this.#work.get(shardKey(ref))?.uids ?? new Set();
    return new Set(uids.filter((uid) => stored.has(uid)));
  }

  async readVars(): ReturnType<WorkerStore["readVars"]> {
    return { vars: {}, version: 0, appliedBy: [] };
  }

  // ---- writes of an attempt

  async claim(ref: Parameters<WorkerStore["claim"]>[0], by: Parameters<WorkerStore["claim"]>[1]) {
    const work = this.#work.get(shardKey(ref));
    const claimed = claimShard(work?.record, ref, { ...by, now: this.#clock.now() });
    if (work === undefined || claimed?.next === undefined) return claimed?.won;
    work.record = claimed.next;
    const lease = this.#lease(by.claimId, by.leaseMs);
    await this.#send(work, { kind: "TASK_ACCEPTED", ...lease });
    const problem = commandProblem(work.command);
    if (problem === undefined) {
      // External coordinators regard a node as running only after a heartbeat.
      await this.#send(work, { kind: "TASK_HEARTBEAT", ...lease });
      return claimed.won;
    }
    const { nodeId, shard, epoch } = ref;
    const how = { failure: { nodeId, shard, epoch, ...problem }, permanent: true, delayMs: 0, maxFailures: 1 };
    await this.fail({ ...ref, claimId: by.claimId }, how);
    return undefined;
  }

  async renew(attempts: readonly Attempt[], leaseMs: number): ReturnType<WorkerStore["renew"]> {
    return Promise.all(
      attempts.map((attempt) =>
        this.#write(attempt, (record, now) => renewLease(record, attempt, { leaseMs, now }), {
          kind: "TASK_HEARTBEAT",
          ...this.#lease(attempt.claimId, leaseMs),
        }),
      ),
    );
  }

  async append(
    attempt: Attempt,
    _generation: number,
    { uid, origin, meta, metrics }: Parameters<WorkerStore["append"]>[2],
  ): Promise<WriteAnswer> {
    const work = this.#work.get(shardKey(attempt));
    const answer = fence(work?.record, attempt);
    if (work === undefined || answer !== "ok") return answer;
    const row: PlainRow = { batchUid: uid, meta, metrics };
    await this.#rows.write(attempt, { ...row, workerId: this.#workerId });
    work.uids.add(uid);
    work.origins.set(origin.source, origin);
    await this.#send(work, batchStored({ uid, meta, metrics }));
    return "ok";
  }

  async complete(attempt: Attempt, outcome: Parameters<WorkerStore["complete"]>[1]): Promise<WriteAnswer | "conflict"> {
    const answer = fence(this.#work.get(shardKey(attempt))?.record, attempt);
    if (answer !== "ok") return answer;
    const { count, result, metrics = {} } = outcome;
    const meta = result ?? { ...metrics };
    await this.#rows.complete(attempt, { meta, workerId: this.#workerId });
    const done = { kind: "TASK_DONE", metrics: { ...metrics }, artifactsRef: { count }, finalUid } as const;
    return this.#write(attempt, (record, now) => finishShard(record, attempt, { ...outcome, now }), done);
  }

  fail(attempt: Attempt, how: Parameters<WorkerStore["fail"]>[1]): Promise<WriteAnswer> {
    const { failure, permanent } = how;
    const { batchUid, tries } = failure;
    const failed = (record: ShardRecord | undefined, now: number) => failShard(record, attempt, { ...how, now });
    const { reasonCode, message: error } = failure;
    const why = { reasonCode, permanent, error };
    // Only a batch that failed for good has tries: other failures name the batch that was being processed.
    const batch =
      batchUid === undefined || tries === undefined ? [] : [{ kind: "BATCH_FAILED", batchUid, ...why } as const];
    return this.#write(attempt, failed, ...batch, { kind: "TASK_FAILED", ...why });
  }

  release(attempt: Attempt, delayMs: number): Promise<WriteAnswer> {
    const released = (record: ShardRecord | undefined, now: number) => releaseShard(record, attempt, { delayMs, now });
    return this.#write(attempt, released, { kind: "TASK_FAILED", reasonCode: "worker_stopping", permanent: false });
  }

  confirmCancelled(attempt: Attempt): Promise<WriteAnswer> {
    const reason = this.#work.get(shardKey(attempt))?.cancelReason ?? "cancelled";
    const confirmed = (record: ShardRecord | undefined, now: number) => confirmCancelledShard(record, attempt, { now });
    return this.#write(attempt, confirmed, { kind: "CANCELLED", reason });
  }

  /** Rows that are already stored are written again under the same names. */
  async restart(attempt: Attempt): Promise<WriteAnswer> {
    const work = this.#work.get(shardKey(attempt));
    work?.uids.clear();
    work?.origins.clear();
    return fence(work?.record, attempt);
  }

  /** Not stored: it matters only while the attempt runs. */
  async report(attempt: Attempt): Promise<WriteAnswer> {
    return fence(this.#work.get(shardKey(attempt))?.record, attempt);
  }

  async writeVars(): ReturnType<WorkerStore["writeVars"]> {
    return "closed";
  }

  // ---- what external coordinators do not support

  /** A task exists only through its commands. */
  async deleteTask(): Promise<"unknown"> {
    return "unknown";
  }

  async takeSlot(): Promise<"ok"> {
    return "ok";
  }

  async freeSlot(): Promise<void> {}

  async countHolders(keys: readonly string[]): Promise<number[]> {
    return keys.map(() => 0);
  }

  /** Entries exist only where coordinators of this engine keep them. */
  async updateEntry<TAnswer>(_key: RegistryKey, judge: RegistryJudge<TAnswer>): Promise<TAnswer> {
    return judge(undefined, 0).answer;
  }

  // ---- the worker

  async announceWorker({ id, types, capacity }: Parameters<WorkerStore["announceWorker"]>[0]): Promise<void> {
    const message = { kind: "WORKER_ONLINE", workerId: id, roles: types, version: "1", capacity } as const;
    await this.#bus.publish(topics.announce, id, { ...message, capabilities: { roles: [...types] } });
  }

  async removeWorker(id: string): Promise<void> {
    await this.#bus.publish(topics.announce, id, { kind: "WORKER_OFFLINE", workerId: id });
  }

  // ---- messages

  #receive(message: Message): void {
    if (message.kind === "TASK_START" && message.shard === 0) this.#take(message);
    if (message.kind === "TASK_CANCEL") this.#cancel(message, message.reason);
    if (message.kind === "CANCEL" && message.targetWorkerId === this.#workerId) this.#cancel(message, message.reason);
  }

  /** A known epoch is a repeat; a later one means that the earlier attempt is over. */
  #take(command: TaskStartMessage): void {
    const key = shardKey(command);
    const known = this.#work.get(key);
    if (known !== undefined && known.record.epoch >= command.epoch) return;
    const init = { type: command.type, priority: 0, status: "queued", at: this.#clock.now() } as const;
    const record = { ...createShard(command, init), epoch: command.epoch };
    this.#work.delete(key);
    this.#work.set(key, { command, record, cancelReason: "cancelled", uids: new Set(), origins: new Map() });
    this.#seen.forget(); // rows may have been removed in the meantime
    if (this.#work.size > maxKept) this.#dropOldest();
  }

  #dropOldest(): void {
    for (const [key, { record }] of this.#work) if (record.lease === undefined) return void this.#work.delete(key);
  }

  #cancel(ref: ShardRef & { readonly epoch: number }, reason: string): void {
    const work = this.#work.get(shardKey(ref));
    if (work === undefined || work.record.epoch !== ref.epoch) return;
    work.cancelReason = reason;
    work.record = cancelShard(work.record, { graceMs: cancelGraceMs, now: this.#clock.now() }) ?? work.record;
  }

  async #write<TAnswer>(
    attempt: Attempt,
    judge: (record: ShardRecord | undefined, now: number) => Judged<TAnswer>,
    ...events: readonly AttemptEvent[]
  ): Promise<TAnswer> {
    const work = this.#work.get(shardKey(attempt));
    const { answer, next } = judge(work?.record, this.#clock.now());
    if (work === undefined || next === undefined) return answer;
    work.record = next;
    for (const event of events) await this.#send(work, event);
    return answer;
  }

  async #send({ record, command }: Work, event: AttemptEvent): Promise<void> {
    const { taskId, nodeId, shard, epoch, type } = record;
    const about = { taskId, nodeId, shard, epoch, type, workerId: this.#workerId } as const;
    const message: StatusMessage = { ...event, ...about, ...traceOf(command) };
    const [topic, key] = [topics.status(type), messageKey(record)];
    try {
      await this.#sizedBus.publish(topic, key, message);
    } catch (error) {
      if (!FlowError.is(error, "MESSAGE_TOO_LARGE")) throw error;
      await this.#bus.publish(topic, key, shortened(message));
    }
  }

  #lease(leaseId: string, leaseMs: number) {
    return { leaseId, leaseDeadline: Math.round(this.#clock.now() + leaseMs) };
  }

  async #recordOf(ref: ShardRef): Promise<ShardRecord> {
    const work = this.#work.get(shardKey(ref));
    if (work?.record.lease !== undefined) return work.record;
    const record = createShard(ref, { type: "elsewhere", priority: 0, status: "queued", at: 0 });
    // Checked before the rows are counted, so that the count includes everything stored before the mark.
    if (!(await this.#rows.isComplete(ref))) return { ...record, status: "running" };
    return { ...record, status: "finished", count: await this.#seen.count(ref) };
  }
}
