import type { Message } from "../../../engine/protocol/messages.ts";

/**
 * The same for a message and its repeat, other for any two messages that say different things. Nobody reads anything
 * out of it. An announce has none of its own: each is news.
 */
export function dedupIdOf(message: Message): string | undefined {
  if (message.kind === "WORKER_ONLINE" || message.kind === "WORKER_OFFLINE") return undefined;
  const { kind, taskId, nodeId, epoch, shard } = message;
  return [kind, taskId, nodeId, epoch, shard, ...ownPart(message)].join(":");
}

/** What tells it from others of its kind about the same attempt. */
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
      return [message.targetWorkerId];
    case "TASK_DISCOVER":
      return [message.wantEpoch];
    case "TASK_SNAPSHOT":
      return [message.workerId ?? "", message.attemptEpoch, message.runState];
    default:
      return [];
  }
}
