import { match } from "ts-pattern";
import type { Message } from "../../../core/messages/messages.ts";

/** Defaults for a message without these fields. */
export interface Stamp {
  /** A new UUID. */
  readonly corrId: string;
  /** ms since 1970. */
  readonly sentAt: number;
}

/** The envelope of a message, with fields in the documented order; undefined ones are omitted by `JSON.stringify`. */
export function toEnvelope(message: Message, stamp: Stamp): object {
  const { corrId = stamp.corrId, sentAt = stamp.sentAt } = message;
  const about =
    "taskId" in message
      ? { task: message.taskId, node: message.nodeId, type: message.type, epoch: message.epoch, shard: message.shard }
      : { task: "*", node: "*", type: "*", epoch: 0, shard: 0 };
  return {
    v: 1,
    ...sortOf(message),
    corr_id: corrId,
    dedup_id: message.dedupId ?? dedupIdOf(message) ?? corrId,
    task_id: about.task,
    node_id: about.node,
    step_type: about.type,
    attempt_epoch: about.epoch,
    shard: about.shard === 0 ? undefined : about.shard,
    ts_ms: sentAt,
    payload: payloadOf(message),
    target_worker_id: "targetWorkerId" in message ? message.targetWorkerId : undefined,
  };
}

function sortOf({ kind }: Message): { readonly msg_type: string; readonly role: string } {
  switch (kind) {
    case "TASK_START":
    case "TASK_CANCEL":
      return { msg_type: "cmd", role: "coordinator" };
    case "CANCEL":
    case "PAUSE":
      return { msg_type: "event", role: "coordinator" };
    case "TASK_DISCOVER":
      return { msg_type: "query", role: "coordinator" };
    case "TASK_SNAPSHOT":
      return { msg_type: "reply", role: "worker" };
    default:
      return { msg_type: "event", role: "worker" };
  }
}

function payloadOf(message: Message): object {
  return match(message)
    .with({ kind: "TASK_START" }, ({ kind, inputRef, inputInline, batching, cancelToken }) => ({
      cmd: kind,
      input_ref: inputRef,
      input_inline: inputInline,
      batching,
      cancel_token: cancelToken,
    }))
    .with({ kind: "TASK_CANCEL" }, ({ kind, reason, cancelToken }) => ({
      cmd: kind,
      reason,
      cancel_token: cancelToken,
    }))
    .with(
      { kind: "TASK_ACCEPTED" },
      { kind: "TASK_HEARTBEAT" },
      { kind: "TASK_RESUMED" },
      ({ kind, workerId, leaseId, leaseDeadline }) => ({
        kind,
        worker_id: workerId,
        lease_id: leaseId,
        lease_deadline_ts_ms: leaseDeadline,
      }),
    )
    .with({ kind: "BATCH_OK" }, ({ kind, workerId, batchUid, metrics, artifactsRef }) => ({
      kind,
      worker_id: workerId,
      batch_uid: batchUid,
      metrics,
      artifacts_ref: artifactsRef,
    }))
    .with({ kind: "BATCH_FAILED" }, ({ kind, workerId, batchUid, reasonCode, permanent, error, artifactsRef }) => ({
      kind,
      worker_id: workerId,
      batch_uid: batchUid,
      reason_code: reasonCode,
      permanent,
      error,
      artifacts_ref: artifactsRef,
    }))
    .with({ kind: "TASK_DONE" }, ({ kind, workerId, metrics, artifactsRef, finalUid, continuesWith }) => ({
      kind,
      worker_id: workerId,
      metrics,
      artifacts_ref: artifactsRef,
      final_uid: finalUid,
      continues_with: continuesWith,
    }))
    .with({ kind: "TASK_FAILED" }, ({ kind, workerId, reasonCode, permanent, error, dueInMs, yielded }) => ({
      kind,
      worker_id: workerId,
      reason_code: reasonCode,
      permanent,
      error,
      due_in_ms: dueInMs,
      yielded,
    }))
    .with({ kind: "CANCELLED" }, ({ kind, workerId, reason }) => ({ kind, worker_id: workerId, reason }))
    .with({ kind: "CANCEL" }, ({ kind, reason, cancelToken, deadline }) => ({
      sig: kind,
      reason,
      cancel_token: cancelToken,
      deadline_ts_ms: deadline,
    }))
    .with({ kind: "PAUSE" }, ({ kind }) => ({ sig: kind }))
    .with({ kind: "TASK_DISCOVER" }, ({ kind, wantEpoch }) => ({ query: kind, want_epoch: wantEpoch }))
    .with({ kind: "TASK_SNAPSHOT" }, ({ kind, workerId, runState, attemptEpoch, lease, progress, artifacts }) => ({
      reply: kind,
      worker_id: workerId,
      run_state: runState,
      attempt_epoch: attemptEpoch,
      lease: lease && { worker_id: lease.workerId, lease_id: lease.leaseId, deadline_ts_ms: lease.deadline },
      progress,
      artifacts,
    }))
    .with({ kind: "WORKER_ONLINE" }, ({ kind, workerId, roles, capabilities, version, capacity, resume }) => ({
      kind,
      worker_id: workerId,
      type: roles.join(","),
      capabilities,
      version,
      capacity: { tasks: capacity },
      resume,
    }))
    .with({ kind: "WORKER_OFFLINE" }, ({ kind, workerId }) => ({ kind, worker_id: workerId }))
    .exhaustive();
}

/**
 * Equal for a message and its repeat, different for messages with different content. It is opaque to readers.
 * Announcements have none, because each one is new.
 */
function dedupIdOf(message: Message): string | undefined {
  if (message.kind === "WORKER_ONLINE" || message.kind === "WORKER_OFFLINE") return undefined;
  const { kind, taskId, nodeId, epoch, shard } = message;
  return [kind, taskId, nodeId, epoch, shard, ...ownPart(message)].join(":");
}

/** Distinguishes a message from others of its kind about the same attempt. */
function ownPart(message: Message): readonly (string | number)[] {
  switch (message.kind) {
    case "BATCH_OK":
    case "BATCH_FAILED":
      return [message.batchUid];
    case "TASK_ACCEPTED":
    case "TASK_RESUMED":
      return [message.leaseId];
    case "TASK_HEARTBEAT":
      return [message.leaseId, message.leaseDeadline];
    case "CANCEL":
    case "PAUSE":
      return [message.targetWorkerId];
    case "TASK_DISCOVER":
      return [message.wantEpoch];
    case "TASK_SNAPSHOT":
      return [message.workerId ?? "", message.attemptEpoch, message.runState];
    default:
      return [];
  }
}
