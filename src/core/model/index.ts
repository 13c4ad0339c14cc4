export {
  claimShard,
  confirmCancelledShard,
  failShard,
  fence,
  finishShard,
  isRecorded,
  type Judged,
  releaseShard,
  renewAnswer,
  renewLease,
  reportShard,
  restartShard,
} from "./attempt-transitions.ts";
export { adoptShard, createShard } from "./shard-transition.ts";
export {
  cancelShard,
  expireShard,
  expiresAt,
  mayWake,
  pauseShard,
  requeueShard,
  resumeShard,
  supersedeShard,
  wakeShard,
} from "./sweep-transitions.ts";
export {
  cancelTask,
  closeTask,
  createTask,
  createVars,
  failTask,
  finishTask,
  pauseTask,
  replaceVars,
  signalOf,
  signalTask,
  summaryOf,
} from "./task-transitions.ts";
