export {
  claimShard,
  confirmCancelledShard,
  failShard,
  fence,
  finishShard,
  isRecorded,
  type Judged,
  releaseShard,
  renewLease,
  restartShard,
} from "./attempt-moves.ts";
export { bornShard } from "./move-shard.ts";
export { cancelShardMove, expireShard, expiresAt, requeueShard } from "./sweep-moves.ts";
export {
  bornTask,
  bornVars,
  cancelTaskMove,
  closeTaskMove,
  failTaskMove,
  finishTaskMove,
  writeVarsMove,
} from "./task-moves.ts";
