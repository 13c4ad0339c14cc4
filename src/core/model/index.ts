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
} from "./attempt-transitions.ts";
export { adoptShard, createShard } from "./shard-transition.ts";
export { cancelShard, closeShard, expireShard, expiresAt, requeueShard, supersedeShard } from "./sweep-transitions.ts";
export {
  cancelTask,
  closeTask,
  createTask,
  createVars,
  failTask,
  finishTask,
  replaceVars,
  summaryOf,
} from "./task-transitions.ts";
