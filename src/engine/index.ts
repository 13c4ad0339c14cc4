/**
 * Runs flows: an engine in one process, or separate coordinators, workers and clients; and the ports of stores and
 * buses.
 *
 * @module flowkit/engine
 */
import "../node-version.ts";

export {
  type MemoryBusOptions,
  type MemoryStoreOptions,
  memoryBus,
  memoryStore,
  type UndeliveredMessage,
} from "../adapters/memory/index.ts";
export type { Overlap, ScheduledRun } from "../core/coordinator/schedules.ts";
export type * from "../core/messages/messages.ts";
// The types needed to implement a store or a bus.
export type {
  Artifact,
  Attempt,
  BatchFailure,
  BatchTries,
  Carried,
  CarriedOutput,
  Cause,
  DeadLetter,
  EpochRef,
  Failure,
  HandlerMethod,
  HistoryEntry,
  Lease,
  LeftOut,
  LogAccess,
  NewSignal,
  NextClaim,
  Origin,
  Outcome,
  OutcomeWithLast,
  ParentRef,
  Paused,
  Position,
  Progress,
  RenewAnswer,
  RetriedBatches,
  RetriedShard,
  ShardRecord,
  ShardRef,
  ShardStatus,
  Signal,
  SignalAnswer,
  TaskFailure,
  TaskRecord,
  TaskStatus,
  TaskSummary,
  VarsRecord,
  WorkerRecord,
} from "../core/model/records.ts";
export type { LogLevel, LogLine } from "../core/model/task-log.ts";
export type { LostWorker, RateFacts, Reason } from "../core/plan/index.ts";
export type * from "../core/ports/index.ts";
export type { LoopHealth } from "../core/resilience/supervisor.ts";
export type * from "../core/tasks/api.ts";
export { Client, type ClientOptions, type ClientOwnOptions } from "./client.ts";
export {
  Coordinator,
  type CoordinatorOptions,
  type CoordinatorOwnOptions,
  type KnownTypesOptions,
} from "./coordinator.ts";
export { createEngine, type Engine, type EngineHealth } from "./engine.ts";
export type { HandlerList, WorkerType } from "./known-types.ts";
export type {
  EndedTask,
  LifecycleState,
  PartHealth,
  StopOptions,
  StoreHealth,
  TaskEndEvents,
  WorkerHealth,
} from "./lifecycle.ts";
export type { EngineOptions, ExternalOptions, HandlerLogOptions } from "./options.ts";
export {
  type Schedule,
  type ScheduleOptions,
  type Schedules,
  type ScheduleTimes,
  type Tick,
  tick,
  type WithTicks,
} from "./schedules.ts";
export type { PausableFlows, TaskMethods } from "./task-client.ts";
export { Worker, type WorkerOptions } from "./worker.ts";
