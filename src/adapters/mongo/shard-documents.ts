import { expiresAt } from "../../core/model/index.ts";
import {
  type Failure,
  type HistoryEntry,
  type ShardRecord,
  type ShardRef,
  shardKey,
  type TaskFailure,
} from "../../core/model/records.ts";
import type { FailureDocument, HistoryDocument, NodeDocument, ShardRefDocument } from "./documents.ts";
import { jsonField, jsonOf } from "./json-field.ts";

/** Node ids and numbers are without `:`, so no two shards share one, whatever the task's id is. */
export const shardId = (ref: ShardRef): string => shardKey(ref);

export const refFields = ({ taskId, nodeId, shard }: ShardRef): ShardRefDocument => ({
  task_id: taskId,
  node_id: nodeId,
  shard,
});

export const refOf = ({ task_id, node_id, shard }: ShardRefDocument): ShardRef => ({
  taskId: task_id,
  nodeId: node_id,
  shard,
});

/** @param queueOrder - of a shard that is queued */
export function shardDocument(
  record: ShardRecord,
  more: { readonly rev: string; readonly queueOrder: string | undefined },
): NodeDocument {
  const { lease, cancelBy, dueAt, chosen, count, artifactsOf, cursors, progress, lastClaimId, failure, storedAtLoss } =
    record;
  const expiry = expiresAt(record);
  return {
    _id: shardId(record),
    rev: more.rev,
    ...refFields(record),
    type: record.type,
    priority: record.priority,
    status: record.status,
    attempt_epoch: record.epoch,
    ready_at: new Date(record.readyAt),
    ...(more.queueOrder === undefined ? {} : { queue_order: more.queueOrder }),
    ...(lease === undefined ? {} : { lease: leaseDocument(lease) }),
    ...(expiry === undefined ? {} : { expires_at: new Date(expiry) }),
    ...(cancelBy === undefined ? {} : { cancel_by: new Date(cancelBy) }),
    ...(lastClaimId === undefined ? {} : { last_claim_id: lastClaimId }),
    failures: record.failures,
    lost: record.lost,
    ...(storedAtLoss === undefined ? {} : { stored_at_loss: storedAtLoss }),
    yields: record.yields,
    ...(dueAt === undefined ? {} : { next_retry_at: new Date(dueAt) }),
    generation: record.generation,
    source_gens: record.sourceGens,
    ...(chosen === undefined ? {} : { chosen }),
    ...(count === undefined ? {} : { count }),
    ...(artifactsOf === undefined ? {} : { artifacts_of: refFields(artifactsOf) }),
    ...jsonField("checkpoint", record.checkpoint),
    ...(cursors === undefined ? {} : { cursors }),
    ...(progress === undefined ? {} : { progress }),
    ...jsonField("result", record.result),
    ...jsonField("metrics", record.metrics),
    ...(failure === undefined ? {} : { failure: failureDocument(failure) }),
    history: record.history.map(historyDocument),
  };
}

export function shardRecord(doc: NodeDocument): ShardRecord {
  const { lease } = doc;
  const checkpoint = jsonOf<ShardRecord["checkpoint"]>(doc, "checkpoint");
  const result = jsonOf<ShardRecord["result"]>(doc, "result");
  const metrics = jsonOf<ShardRecord["metrics"]>(doc, "metrics");
  return {
    ...refOf(doc),
    epoch: doc.attempt_epoch,
    type: doc.type,
    priority: doc.priority,
    status: doc.status,
    readyAt: doc.ready_at.getTime(),
    ...(lease === undefined
      ? {}
      : {
          lease: {
            workerId: lease.worker_id,
            claimId: lease.lease_id,
            deadline: lease.deadline_ts_ms,
            ...(lease.reports === undefined ? {} : { reports: lease.reports }),
          },
        }),
    ...(doc.last_claim_id === undefined ? {} : { lastClaimId: doc.last_claim_id }),
    failures: doc.failures,
    lost: doc.lost,
    ...(doc.stored_at_loss === undefined ? {} : { storedAtLoss: doc.stored_at_loss }),
    yields: doc.yields,
    ...(doc.next_retry_at === undefined ? {} : { dueAt: doc.next_retry_at.getTime() }),
    ...(doc.cancel_by === undefined ? {} : { cancelBy: doc.cancel_by.getTime() }),
    generation: doc.generation,
    sourceGens: doc.source_gens,
    ...(doc.chosen === undefined ? {} : { chosen: doc.chosen }),
    ...(doc.count === undefined ? {} : { count: doc.count }),
    ...(doc.artifacts_of === undefined ? {} : { artifactsOf: refOf(doc.artifacts_of) }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(doc.cursors === undefined ? {} : { cursors: doc.cursors }),
    ...(doc.progress === undefined ? {} : { progress: doc.progress }),
    ...(result === undefined ? {} : { result }),
    ...(metrics === undefined ? {} : { metrics }),
    ...(doc.failure === undefined ? {} : { failure: failureOf(doc.failure) as Failure }),
    history: doc.history.map(historyEntry),
  };
}

const leaseDocument = (lease: NonNullable<ShardRecord["lease"]>): NonNullable<NodeDocument["lease"]> => ({
  worker_id: lease.workerId,
  lease_id: lease.claimId,
  deadline_ts_ms: lease.deadline,
  ...(lease.reports === undefined ? {} : { reports: lease.reports }),
});

export const failureDocument = (failure: TaskFailure): FailureDocument => ({
  ...(failure.nodeId === undefined ? {} : { node_id: failure.nodeId }),
  reason_code: failure.reasonCode,
  message: failure.message,
  ...(failure.shard === undefined ? {} : { shard: failure.shard }),
  ...(failure.epoch === undefined ? {} : { attempt: failure.epoch }),
  ...(failure.batchUid === undefined ? {} : { batch_uid: failure.batchUid }),
  ...(failure.stack === undefined ? {} : { stack: failure.stack }),
});

export const failureOf = (doc: FailureDocument): TaskFailure => ({
  ...(doc.node_id === undefined ? {} : { nodeId: doc.node_id }),
  reasonCode: doc.reason_code,
  message: doc.message,
  ...(doc.shard === undefined ? {} : { shard: doc.shard }),
  ...(doc.attempt === undefined ? {} : { epoch: doc.attempt }),
  ...(doc.batch_uid === undefined ? {} : { batchUid: doc.batch_uid }),
  ...(doc.stack === undefined ? {} : { stack: doc.stack }),
});

const historyDocument = (entry: HistoryEntry): HistoryDocument => ({
  n: entry.n,
  attempt_epoch: entry.epoch,
  from: entry.from,
  to: entry.to,
  at: new Date(entry.at),
  cause: entry.cause,
  ...(entry.workerId === undefined ? {} : { worker_id: entry.workerId }),
  ...(entry.reasonCode === undefined ? {} : { reason_code: entry.reasonCode }),
});

const historyEntry = (doc: HistoryDocument): HistoryEntry => ({
  n: doc.n,
  epoch: doc.attempt_epoch,
  from: doc.from,
  to: doc.to,
  at: doc.at.getTime(),
  cause: doc.cause as HistoryEntry["cause"],
  ...(doc.worker_id === undefined ? {} : { workerId: doc.worker_id }),
  ...(doc.reason_code === undefined ? {} : { reasonCode: doc.reason_code }),
});
