import type { TaskRecord } from "../model/records.ts";
import type { Store } from "./store.ts";

export type { Bus, BusHealth, SubscribeOptions, Subscription, UndeliverableMessage } from "./bus.ts";
export type { ExternalRows, PlainRow, PlainRows, Stamped, UnreadableSource } from "./external-rows.ts";
export type {
  DueLook,
  Page,
  PageRequest,
  Registry,
  RegistryEntry,
  RegistryJudge,
  RegistryKey,
  RegistryKind,
  SweepKind,
} from "./registry.ts";
export { invalidCursor, registryKinds } from "./registry.ts";
export {
  type Answer,
  artifactsDropped,
  type CompleteAndClaimAnswer,
  type HandlerGate,
  type HeldSlot,
  minSweepMs,
  type QueuedRef,
  type SlotLimit,
  type Store,
  type Tail,
  type TaskQuery,
} from "./store.ts";

export type {
  AttemptEnding,
  AttemptOutcome,
  AttemptTrace,
  Telemetry,
  TracedAttempt,
  TracedTry,
  TryRunner,
} from "./telemetry.ts";

/** Time as the engine sees it. The simulation provides virtual time. */
export interface Clock {
  /** Milliseconds since 1970. For display, not for decisions. */
  now(): number;
  /** Milliseconds that never decrease. */
  monotonic(): number;
  /** Resolves after `ms`, or immediately when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Lets pending timers and I/O of this process run. */
  yield(): Promise<void>;
}

/** Generates ids. */
export interface Ids {
  /** A new id, unique across all processes, without `:` and `.`. */
  next(): string;
}

/** A uniform random number in [0, 1). A port, so that the simulation can repeat the sequence. */
export type Random = () => number;
export type { AttemptReport, ClaimInit, DispatchInit, NewArtifact, NewTask, WriteAnswer } from "../model/records.ts";

/** The store operations that a worker uses. */
export interface WorkerStore
  extends Pick<
    Store,
    | "readVars"
    | "writeVars"
    | "readShards"
    | "peekQueue"
    | "claim"
    | "renew"
    | "restart"
    | "report"
    | "append"
    | "complete"
    | "fail"
    | "release"
    | "confirmCancelled"
    | "readArtifacts"
    | "tail"
    | "readUids"
    | "storedUids"
    | "takeSlot"
    | "freeSlot"
    | "countHolders"
    | "updateEntry"
    | "announceWorker"
    | "removeWorker"
    | "deleteTask"
    | "handlerGate"
  > {
  /** Its coordinators retry whole attempts, by a policy that is not known here: single batches are not retried. */
  readonly retriesAttempts?: true;
  /** The task, or the part of it that is known so far; `undefined` if there is none. */
  readTask(id: string): Promise<WorkerTask | undefined>;
  /** Absent if only coordinators dispatch. */
  readonly completeAndClaim?: Store["completeAndClaim"];
  /** Absent if it does not know them. */
  readonly liveWorkers?: Store["liveWorkers"];
  /** Absent if it has no nodes that wait for signals. */
  readonly signalTask?: Store["signalTask"];
}

/** The fields of a task that a worker uses. */
export interface WorkerTask extends Pick<TaskRecord, "graph" | "params" | "traceparent" | "retryOf" | "startsAt"> {
  /** Only a part of its graph is known yet: must not be cached. */
  readonly isPartial?: true;
}
