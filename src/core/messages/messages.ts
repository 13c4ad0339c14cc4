import { hash } from "node:crypto";
import type { Json, JsonObject } from "../../errors/index.ts";

/*
 * The messages between coordinators and workers, as documented for the wire. Each is a hint: its receiver reads the
 * store. The engine itself sends `TASK_START`, `BATCH_OK` for a shard's first artifact, one event for an attempt's end,
 * `CANCEL`, and `PAUSE`, which no other program reads. The others are for processes that do not share a store.
 */

/** The attempt that a message is about. */
export interface AttemptAddress {
  readonly taskId: string;
  readonly nodeId: string;
  readonly shard: number;
  readonly epoch: number;
  /** The node's type. */
  readonly type: string;
}

/** What a bus may add to a message in transit. Fields that are missing are generated. */
export interface MessageTrace {
  /** A UUID: equal in a query and its reply. */
  readonly corrId?: string;
  /** Equal in a repeated message. Compared, never interpreted. */
  readonly dedupId?: string;
  /** When it was sent, by the sender's clock: ms since 1970. */
  readonly sentAt?: number;
  /** The W3C trace context of the task. */
  readonly traceparent?: string;
}

interface ToAttempt extends MessageTrace, AttemptAddress {}

interface FromWorker extends ToAttempt {
  readonly workerId: string;
}

interface FromHolder extends FromWorker {
  readonly leaseId: string;
  /** When the lease ends, by the worker's clock: ms since 1970. */
  readonly leaseDeadline: number;
}

/** The attempt may be claimed. */
export interface TaskStartMessage extends ToAttempt {
  readonly kind: "TASK_START";
  readonly cancelToken: string;
  readonly inputRef?: Json;
  readonly inputInline?: Json;
  readonly batching?: Json;
}

/** The attempt must stop. */
export interface TaskCancelMessage extends ToAttempt {
  readonly kind: "TASK_CANCEL";
  readonly reason: string;
  readonly cancelToken: string;
}

/** A worker has claimed the attempt. */
export interface TaskAcceptedMessage extends FromHolder {
  readonly kind: "TASK_ACCEPTED";
}

/** The attempt is still running. */
export interface TaskHeartbeatMessage extends FromHolder {
  readonly kind: "TASK_HEARTBEAT";
}

/** A worker continues an attempt, or what an earlier one stored. */
export interface TaskResumedMessage extends FromHolder {
  readonly kind: "TASK_RESUMED";
}

/** A batch has been stored. */
export interface BatchOkMessage extends FromWorker {
  readonly kind: "BATCH_OK";
  readonly batchUid: string;
  readonly metrics: JsonObject;
  readonly artifactsRef?: Json;
}

/** A batch failed for good. Its node sets it aside and continues, or the attempt fails, which a separate message reports. */
export interface BatchFailedMessage extends FromWorker {
  readonly kind: "BATCH_FAILED";
  readonly batchUid: string;
  readonly reasonCode: string;
  readonly permanent: boolean;
  readonly error?: Json;
  readonly artifactsRef?: Json;
}

/** The shard has finished. */
export interface TaskDoneMessage extends FromWorker {
  readonly kind: "TASK_DONE";
  readonly metrics: JsonObject;
  readonly artifactsRef?: Json;
  readonly finalUid?: string;
  /** The only node that reads this one, already claimed by this worker: coordinators have nothing to start. */
  readonly continuesWith?: string;
}

/** The attempt has failed, permanently or until it is due again. */
export interface TaskFailedMessage extends FromWorker {
  readonly kind: "TASK_FAILED";
  readonly reasonCode: string;
  readonly permanent: boolean;
  readonly error?: Json;
  /** The delay before its next attempt. Absent if the worker leaves it to the coordinator. */
  readonly dueInMs?: number;
  /** It released its claim, which is not a failure. */
  readonly yielded?: boolean;
}

/** The attempt has stopped because its task is being cancelled. */
export interface CancelledMessage extends FromWorker {
  readonly kind: "CANCELLED";
  readonly reason: string;
}

/** To the worker that runs an attempt: stop it. */
export interface CancelMessage extends ToAttempt {
  readonly kind: "CANCEL";
  readonly targetWorkerId: string;
  readonly reason: string;
  readonly cancelToken?: string;
  /** ms since 1970. */
  readonly deadline?: number;
}

/** To the worker that runs an attempt: end it after its current batches. */
export interface PauseMessage extends ToAttempt {
  readonly kind: "PAUSE";
  readonly targetWorkerId: string;
}

/** Asks all workers which one runs a node. */
export interface TaskDiscoverMessage extends ToAttempt {
  readonly kind: "TASK_DISCOVER";
  readonly wantEpoch: number;
}

/** The reply, with the `corrId` of the query. */
export interface TaskSnapshotMessage extends ToAttempt {
  readonly kind: "TASK_SNAPSHOT";
  readonly workerId?: string;
  readonly runState: "idle" | "running" | "cancelling";
  /** The attempt that it is about. */
  readonly attemptEpoch: number;
  readonly lease?: { readonly workerId: string; readonly leaseId: string; readonly deadline: number };
  readonly progress?: Json;
  readonly artifacts?: { readonly complete: boolean };
}

export interface WorkerOnlineMessage extends MessageTrace {
  readonly kind: "WORKER_ONLINE";
  readonly workerId: string;
  /** The types of nodes that it serves. */
  readonly roles: readonly string[];
  /** Absent in a repeat: the earlier ones still apply. */
  readonly capabilities?: JsonObject;
  readonly version: string;
  /** Maximum number of concurrent attempts. */
  readonly capacity: number;
  readonly resume?: Json;
}

export interface WorkerOfflineMessage extends MessageTrace {
  readonly kind: "WORKER_OFFLINE";
  readonly workerId: string;
}

type WithoutSender<T> = T extends unknown ? Omit<T, keyof AttemptAddress | "workerId"> : never;

/** What an attempt reports about itself. */
export type AttemptEvent = WithoutSender<StatusMessage>;

/** From coordinators to the workers of a node type. */
export type CommandMessage = TaskStartMessage | TaskCancelMessage;
/** From workers to coordinators, about an attempt. */
export type StatusMessage =
  | TaskAcceptedMessage
  | TaskHeartbeatMessage
  | TaskResumedMessage
  | BatchOkMessage
  | BatchFailedMessage
  | TaskDoneMessage
  | TaskFailedMessage
  | CancelledMessage;
/** Announces that a worker has started or stopped. */
export type AnnounceMessage = WorkerOnlineMessage | WorkerOfflineMessage;

/** Every message that a bus carries, distinguished by `kind`. */
export type Message =
  | CommandMessage
  | StatusMessage
  | CancelMessage
  | PauseMessage
  | TaskDiscoverMessage
  | TaskSnapshotMessage
  | AnnounceMessage;

/** Identifies an attempt in messages that ask to stop it; the same in each of them. */
export const cancelTokenOf = ({ taskId, nodeId, shard, epoch }: AttemptAddress): string =>
  `${taskId}:${nodeId}:${shard}:${epoch}`;

/** Asks the worker that runs this attempt to stop it. */
export function cancelMessage(
  { taskId, nodeId, shard, epoch, type }: AttemptAddress,
  to: { readonly workerId: string; readonly reason: string } & Traced,
): CancelMessage {
  const address = { taskId, nodeId, shard, epoch, type };
  const { workerId: targetWorkerId, reason } = to;
  return { kind: "CANCEL", ...address, targetWorkerId, reason, cancelToken: cancelTokenOf(address), ...traceOf(to) };
}

/** Asks the worker that runs this attempt to end it after its current batches. */
export function pauseMessage(
  { taskId, nodeId, shard, epoch, type }: AttemptAddress,
  to: { readonly workerId: string } & Traced,
): PauseMessage {
  return { kind: "PAUSE", taskId, nodeId, shard, epoch, type, targetWorkerId: to.workerId, ...traceOf(to) };
}

type Family = "command" | "status" | "signal" | "query" | "reply" | "announce";

type FamilyOf<TMessage> = TMessage extends CommandMessage
  ? "command"
  : TMessage extends StatusMessage
    ? "status"
    : TMessage extends CancelMessage | PauseMessage
      ? "signal"
      : TMessage extends AnnounceMessage
        ? "announce"
        : "query" | "reply";

/** The family of each kind of message. */
const families = {
  TASK_START: "command",
  TASK_CANCEL: "command",
  TASK_ACCEPTED: "status",
  TASK_HEARTBEAT: "status",
  TASK_RESUMED: "status",
  BATCH_OK: "status",
  BATCH_FAILED: "status",
  TASK_DONE: "status",
  TASK_FAILED: "status",
  CANCELLED: "status",
  CANCEL: "signal",
  PAUSE: "signal",
  TASK_DISCOVER: "query",
  TASK_SNAPSHOT: "reply",
  WORKER_ONLINE: "announce",
  WORKER_OFFLINE: "announce",
} as const satisfies { readonly [TMessage in Message as TMessage["kind"]]: Family & FamilyOf<TMessage> };

/** Whether a message of this kind exists. */
export const isMessageKind = (kind: string): kind is Message["kind"] => Object.hasOwn(families, kind);

/** Whether the message is a worker's report about an attempt. */
export const isStatus = (message: Message): message is StatusMessage => families[message.kind] === "status";

/** Whether workers announce themselves with messages of this kind. */
export const isAnnounceKind = (kind: Message["kind"]): kind is AnnounceMessage["kind"] => families[kind] === "announce";

interface Traced {
  readonly traceparent?: string | undefined;
}

/** The part of a message that carries the task's trace context. */
export const traceOf = ({ traceparent }: Traced): { readonly traceparent?: string } =>
  traceparent === undefined ? {} : { traceparent };

/** The trace fields of a log line about a task, named as by OpenTelemetry's conventions. */
export const traceIdOf = ({ traceparent }: Traced): { readonly trace_id?: string } =>
  traceparent === undefined ? {} : { trace_id: traceparent.slice(3, 35) };

/** Topic names, as documented for the wire. */
export const topics = {
  /** Coordinator to the workers of a type. */
  command: (type: string): string => `cmd.${type}.v1`,
  /** Workers of a type to the coordinators. */
  status: (type: string): string => `status.${type}.v1`,
  /** Coordinator to workers. */
  signals: "signals.v1",
  /** Workers to coordinators. */
  announce: "workers.announce.v1",
  /** Coordinators to all workers, and back. */
  query: "query.tasks.v1",
  reply: "reply.tasks.v1",
} as const;

/** Consumer groups. */
export const groups = {
  coordinators: "coordinators",
  /** The workers of these types. */
  workers: (types: readonly string[]): string => `workers.${shortened([...new Set(types)].toSorted().join("+"))}`,
  /** One worker. */
  signals: (workerId: string): string => `signals.${workerId}`,
} as const;

const longestTypes = 150;
const shortened = (types: string): string =>
  types.length <= longestTypes
    ? types
    : `${types.slice(0, longestTypes - 17)}#${hash("sha256", types, "hex").slice(0, 16)}`;

/** The key of a node's messages: a bus keeps the order of messages with one key. */
export const messageKey = ({ taskId, nodeId }: { readonly taskId: string; readonly nodeId: string }): string =>
  `${taskId}:${nodeId}`;
