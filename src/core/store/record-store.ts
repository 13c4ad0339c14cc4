import * as transitions from "../model/index.ts";
import {
  type Attempt,
  type AttemptReport,
  asideIn,
  type Cause,
  type ClaimInit,
  type DispatchInit,
  type EpochRef,
  type NewArtifact,
  type NewSignal,
  type NewTask,
  type NextClaim,
  type Outcome,
  type ShardRecord,
  type ShardRef,
  type ShardStatus,
  type TaskFailure,
  type WriteAnswer,
} from "../model/records.ts";
import type { ExternalRows, HandlerGate, HeldSlot, PlainRows, SlotLimit, Store } from "../ports/index.ts";
import { completeAndClaim, dispatchClaimed } from "./complete-and-claim.ts";
import {
  closedDriver,
  type Judged,
  type RegistryDriver,
  RegistryRecords,
  type StoreDriver,
  type TaskState,
} from "./driver.ts";

/**
 * The store, written once for all drivers: a driver reads a record, a pure transition judges the change, and the driver
 * replaces the record.
 *
 * After `close`, every operation rejects with `STORE_UNAVAILABLE`.
 */
export class RecordStore extends RegistryRecords implements Store {
  // Absent if the driver has none, not `undefined`: callers check for a gate by `in`.
  declare readonly handlerGate?: HandlerGate;
  declare readonly externalRows?: ExternalRows;
  declare readonly plainRows?: PlainRows;
  declare readonly lookForDue?: NonNullable<Store["lookForDue"]>;
  readonly #opened: StoreDriver;
  /** Replaced when the store is closed. */
  #driver: StoreDriver;

  constructor(driver: StoreDriver) {
    super(driver);
    this.#opened = driver;
    this.#driver = driver;
    const { handlerGate, externalRows, plainRows } = driver;
    if (handlerGate !== undefined) this.handlerGate = handlerGate;
    if (externalRows !== undefined) this.externalRows = externalRows;
    if (plainRows !== undefined) this.plainRows = plainRows;
    if (driver.lookForDue !== undefined) {
      this.lookForDue = (aheadMs) => (this.#driver.lookForDue ?? closedDriver.lookForDue)(aheadMs);
    }
  }

  // ---- tasks

  createTask(task: NewTask): ReturnType<Store["createTask"]> {
    return this.#driver.tasks.insert(task, (now) => ({
      record: transitions.createTask(task, { now }),
      vars: transitions.createVars(task),
    }));
  }

  readTask(id: string): ReturnType<Store["readTask"]> {
    return this.#driver.tasks.read(id);
  }

  finishTask(id: string): Promise<boolean> {
    return this.#updateTask(id, (task, now) => transitions.finishTask(task, { now }), { sweepNow: false });
  }

  failTask(id: string, failure: TaskFailure): Promise<boolean> {
    return this.#updateTask(id, (task, now) => transitions.failTask(task, failure, { now }), { sweepNow: true });
  }

  cancelTask(id: string, reason: string, all = false): ReturnType<Store["cancelTask"]> {
    return this.#ask(id, (task) => transitions.cancelTask(task, { reason, all }));
  }

  pauseTask(id: string, paused: boolean): ReturnType<Store["pauseTask"]> {
    return this.#ask(id, (task) => transitions.pauseTask(task, paused));
  }

  async signalTask(id: string, signal: NewSignal): ReturnType<Store["signalTask"]> {
    const answer = await this.#ask(id, (task, now) => {
      const { next, ...given } = transitions.signalTask(task, { ...signal, now });
      return next === undefined ? { answer: given } : { answer: given, next };
    });
    return answer === "unknown" ? { answer } : answer;
  }

  closeTask(id: string): Promise<boolean> {
    return this.#updateTask(id, (task, now) => transitions.closeTask(task, { now }), { sweepNow: false });
  }

  dueTasks(limit: number, everyMs: number, aheadMs = 0): ReturnType<Store["dueTasks"]> {
    return this.#driver.tasks.due(limit, { everyMs, aheadMs });
  }

  overdueTasks(limit: number): ReturnType<Store["overdueTasks"]> {
    return this.#driver.tasks.overdue(limit);
  }

  listTasks(query: Parameters<Store["listTasks"]>[0]): ReturnType<Store["listTasks"]> {
    return this.#driver.tasks.list(query);
  }

  deleteTask(id: string): ReturnType<Store["deleteTask"]> {
    return this.#driver.tasks.delete(id);
  }

  endedTasks(query: Parameters<Store["endedTasks"]>[0]): ReturnType<Store["endedTasks"]> {
    return this.#driver.tasks.ended(query);
  }

  readVars(taskId: string): ReturnType<Store["readVars"]> {
    return this.#driver.tasks.readVars(taskId);
  }

  writeVars(taskId: string, write: Parameters<Store["writeVars"]>[1]): ReturnType<Store["writeVars"]> {
    return this.#driver.tasks.updateVars(taskId, (task, vars) => transitions.replaceVars(task, vars, write));
  }

  // ---- shards, by coordinators

  readShards(...args: Parameters<Store["readShards"]>): Promise<ShardRecord[]> {
    return this.#driver.shards.read(...args);
  }

  hasArtifacts(taskId: string, nodeId: string): Promise<boolean> {
    return this.#driver.shards.hasArtifacts(taskId, nodeId);
  }

  async dispatch(ref: ShardRef, init: DispatchInit, announce?: () => Promise<void>): ReturnType<Store["dispatch"]> {
    const create = (at: number, paused?: boolean) =>
      transitions.createShard(ref, { ...init, status: "queued", paused, at });
    let announcing: Promise<void> | undefined;
    const onQueued = (): void => {
      announcing ??= announce?.();
      announcing?.catch(() => {}); // awaited below
    };
    const inserted = await this.#driver.shards.insert(ref, create, onQueued);
    if (inserted === "inserted") onQueued();
    await announcing;
    // A deleted task is the tombstone of all its shards.
    return inserted === "inserted" ? "dispatched" : "exists";
  }

  dispatchClaimed(next: NextClaim): ReturnType<Store["dispatchClaimed"]> {
    return dispatchClaimed(this.#driver, next);
  }

  async skip(ref: ShardRef, init: Parameters<Store["skip"]>[1]): Promise<"skipped" | "exists"> {
    const create = (at: number) => transitions.createShard(ref, { ...init, status: "skipped", at });
    return (await this.#driver.shards.insert(ref, create)) === "inserted" ? "skipped" : "exists";
  }

  async adopt(ref: ShardRef, from: Parameters<Store["adopt"]>[1]): Promise<"adopted" | "exists"> {
    const create = (at: number) => transitions.adoptShard(ref, { ...from, at });
    return (await this.#driver.shards.insert(ref, create)) === "inserted" ? "adopted" : "exists";
  }

  async cancelShard(ref: ShardRef, init: Parameters<Store["cancelShard"]>[1]): Promise<ShardStatus> {
    const { type, graceMs, carried } = init;
    for (;;) {
      const status = await this.#driver.shards.update<ShardStatus | undefined>(ref, "cancel", (record, now) => {
        const next = record && transitions.cancelShard(record, { graceMs, now });
        return judged((next ?? record)?.status, next);
      });
      if (status !== undefined) return status;
      const tombstone = (at: number) =>
        transitions.createShard(ref, { type, priority: 0, carried, status: "cancelled", at });
      if ((await this.#driver.shards.insert(ref, tombstone)) !== "exists") return "cancelled";
    }
  }

  expiredLeases(limit: number): Promise<EpochRef[]> {
    return this.#driver.shards.expiredLeases(limit);
  }

  expire(ref: EpochRef, maxLost: number): Promise<ShardRecord | undefined> {
    return this.#driver.shards.updateWithLength(ref, "expire", (record, now, stored) => {
      const next = transitions.expireShard(record, ref, { maxLost, stored, now });
      return judged(next, next);
    });
  }

  async closeFailed(ref: ShardRef): Promise<void> {
    const { shards, logs } = this.#driver;
    const records = await shards.read(ref.taskId, [ref.nodeId]);
    const { generation, status, count: known } = records.find(({ shard }) => shard === ref.shard) ?? {};
    if (generation === undefined || status !== "failed" || known !== undefined) return;
    await logs.close(ref, generation);
    const { length: count, origins } = await logs.tail(ref, generation);
    const failedBatches = asideIn(origins);
    await shards.update(ref, "close", (record, now) => {
      const next = record && transitions.closeShard(record, { count, failedBatches, now });
      return judged(undefined, next);
    });
  }

  dueDeferred(limit: number): ReturnType<Store["dueDeferred"]> {
    return this.#driver.shards.dueDeferred(limit);
  }

  requeue(ref: EpochRef): Promise<ShardRecord | undefined> {
    return this.#updateShard(ref, "requeue", (record, now) => transitions.requeueShard(record, ref, { now }));
  }

  wake(ref: EpochRef): Promise<ShardRecord | undefined> {
    return this.#updateShard(ref, "wake", (record, now) => transitions.wakeShard(record, ref, { now }));
  }

  pauseShard(ref: ShardRef): Promise<ShardRecord | undefined> {
    return this.#updateShard(ref, "pause", (record, now) => record && transitions.pauseShard(record, { now }));
  }

  resumeShard(ref: ShardRef): Promise<ShardRecord | undefined> {
    return this.#updateShard(ref, "resume", (record, now) => record && transitions.resumeShard(record, { now }));
  }

  supersede(ref: EpochRef): Promise<ShardRecord | undefined> {
    return this.#updateShard(ref, "supersede", (record, now) => transitions.supersedeShard(record, ref, { now }));
  }

  // ---- shards, by workers

  peekQueue(...args: Parameters<Store["peekQueue"]>): ReturnType<Store["peekQueue"]> {
    return this.#driver.shards.peekQueue(...args);
  }

  claim(ref: EpochRef, by: ClaimInit): Promise<ShardRecord | undefined> {
    const { shards } = this.#driver;
    if (shards.claim !== undefined) return shards.claim(ref, by);
    return shards.update(ref, "claim", (record, now) => {
      const claimed = transitions.claimShard(record, ref, { ...by, now });
      return judged(claimed?.won, claimed?.next);
    });
  }

  renew(attempts: readonly Attempt[], leaseMs: number): ReturnType<Store["renew"]> {
    return this.#driver.shards.renew(attempts, leaseMs);
  }

  restart(attempt: Attempt, to: Parameters<Store["restart"]>[1]): Promise<WriteAnswer> {
    return this.#driver.shards.update(attempt, "restarted", (record) => transitions.restartShard(record, attempt, to));
  }

  report(attempt: Attempt, report: AttemptReport): Promise<WriteAnswer> {
    const judge = (record: ShardRecord | undefined, now: number) =>
      transitions.reportShard(record, attempt, { ...report, now });
    return this.#driver.shards.update(attempt, "reported", judge);
  }

  append(attempt: Attempt, generation: number, artifact: NewArtifact): ReturnType<Store["append"]> {
    return this.#driver.logs.append(attempt, generation, artifact);
  }

  complete(attempt: Attempt, outcome: Outcome): ReturnType<Store["complete"]> {
    return this.#driver.logs.complete(attempt, outcome);
  }

  completeAndClaim(...args: Parameters<Store["completeAndClaim"]>): ReturnType<Store["completeAndClaim"]> {
    return completeAndClaim(this.#driver, ...args);
  }

  fail(attempt: Attempt, how: Parameters<Store["fail"]>[1]): Promise<WriteAnswer> {
    return this.#driver.shards.update(attempt, "fail", (record, now) =>
      transitions.failShard(record, attempt, { ...how, now }),
    );
  }

  release(attempt: Attempt, delayMs: number): Promise<WriteAnswer> {
    const judge = (record: ShardRecord | undefined, now: number) =>
      transitions.releaseShard(record, attempt, { delayMs, now });
    return this.#driver.shards.update(attempt, "release", judge);
  }

  confirmCancelled(attempt: Attempt): Promise<WriteAnswer> {
    const judge = (record: ShardRecord | undefined, now: number) =>
      transitions.confirmCancelledShard(record, attempt, { now });
    return this.#driver.shards.update(attempt, "confirm_cancelled", judge);
  }

  // ---- artifacts

  readArtifacts(ref: ShardRef, generation: number, from: number, limit: number): ReturnType<Store["readArtifacts"]> {
    return this.#driver.logs.read(ref, { generation, from, limit });
  }

  tail(ref: ShardRef, generation: number): ReturnType<Store["tail"]> {
    return this.#driver.logs.tail(ref, generation);
  }

  storedUids(ref: ShardRef, generation: number, uids: readonly string[]): Promise<Set<string>> {
    return this.#driver.logs.storedUids(ref, generation, uids);
  }

  readUids(ref: ShardRef, generation: number, from: number, limit: number): ReturnType<Store["readUids"]> {
    return this.#driver.logs.readUids(ref, { generation, from, limit });
  }

  countArtifacts(taskId: string): ReturnType<Store["countArtifacts"]> {
    return this.#driver.logs.count(taskId);
  }

  // ---- limits

  takeSlot(limit: SlotLimit, holder: Attempt): Promise<"ok" | "full"> {
    return this.#driver.slots.take(limit, holder);
  }

  freeSlot(slot: HeldSlot): Promise<void> {
    return this.#driver.slots.free(slot);
  }

  countHolders(keys: readonly string[]): Promise<readonly number[]> {
    return this.#driver.slots.count(keys);
  }

  heldSlots(): Promise<HeldSlot[]> {
    return this.#driver.slots.held();
  }

  protected override registry(): RegistryDriver {
    return this.#driver.registry;
  }

  // ---- the store itself

  open(): Promise<void> {
    return this.#driver.open();
  }

  settle(): Promise<void> {
    return this.#driver.settle();
  }

  async close(): Promise<void> {
    this.#driver = closedDriver;
    await this.#opened.close();
  }

  #ask<TAnswer>(id: string, judge: (task: TaskState, now: number) => Judged<TAnswer, TaskState>) {
    return this.#driver.tasks.update<TAnswer | "unknown">(
      id,
      (task, now) => (task === undefined ? { answer: "unknown" } : judge(task, now)),
      { sweepNow: true },
    );
  }

  #updateTask(
    id: string,
    change: (task: TaskState, now: number) => TaskState | undefined,
    options: { readonly sweepNow: boolean },
  ): Promise<boolean> {
    return this.#driver.tasks.update(
      id,
      (task, now) => {
        const next = task && change(task, now);
        return next === undefined ? { answer: false } : { answer: true, next };
      },
      options,
    );
  }

  #updateShard(
    ref: ShardRef,
    cause: Cause,
    change: (record: ShardRecord | undefined, now: number) => ShardRecord | undefined,
  ): Promise<ShardRecord | undefined> {
    return this.#driver.shards.update(ref, cause, (record, now) => {
      const next = change(record, now);
      return judged(next, next);
    });
  }
}

const judged = <TAnswer>(answer: TAnswer, next: ShardRecord | undefined): Judged<TAnswer, ShardRecord> =>
  next === undefined ? { answer } : { answer, next };
