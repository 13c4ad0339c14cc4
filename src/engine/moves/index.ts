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
  reportShard,
  restartShard,
} from "./attempt-moves.ts";
export { adoptedShard, bornShard } from "./move-shard.ts";
export { cancelShardMove, expireShard, expiresAt, requeueShard, supersedeShard } from "./sweep-moves.ts";
export {
  bornTask,
  bornVars,
  cancelTaskMove,
  closeTaskMove,
  failTaskMove,
  finishTaskMove,
  summaryOf,
  writeVarsMove,
} from "./task-moves.ts";
