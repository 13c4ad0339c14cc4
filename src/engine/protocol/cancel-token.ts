import type { AttemptAddress } from "./messages.ts";

/** Names an attempt to whoever may have to stop it. The same for each message about it. */
export const cancelTokenOf = ({ taskId, nodeId, shard, epoch }: AttemptAddress): string =>
  `${taskId}:${nodeId}:${shard}:${epoch}`;
