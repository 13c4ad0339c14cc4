import {
  isTaskTerminal,
  type TaskRecord,
  type TaskStatus,
  type TaskSummary,
  type VarsRecord,
} from "../../core/model/records.ts";
import type { JsonObject } from "../../errors/index.ts";
import { type Graph, graphHash } from "../../graph/index.ts";
import type { TaskDocument } from "./documents.ts";
import { jsonField, jsonOf } from "./json-field.ts";
import { failureDocument, failureOf } from "./shard-documents.ts";

/** All of a task but what may be large. */
export type TaskHead = Omit<TaskDocument, "graph" | "graph_json" | "params" | "params_json" | "vars" | "vars_json">;

/** Leaves out what may be large, in a pipeline. */
export const headOnly = {
  $project: { graph: 0, graph_json: 0, params: 0, params_json: 0, vars: 0, vars_json: 0 },
} as const;

export function taskDocument(
  record: TaskRecord,
  { vars, rev, listOrder }: { readonly vars: VarsRecord; readonly rev: string; readonly listOrder: string },
): TaskDocument {
  const { id, graph, traceparent, retryOf, borrowsFrom, idempotencyKey, deadlineAt } = record;
  const createdAt = new Date(record.createdAt);
  return {
    _id: id,
    rev,
    status: record.status,
    ...(graph.name === undefined ? {} : { name: graph.name }),
    priority: record.priority,
    ...jsonField("graph", graph as unknown as JsonObject),
    graph_hash: graphHash(graph),
    ...jsonField("params", record.params),
    ...varsFields(vars),
    ...(idempotencyKey === undefined ? {} : { idempotency_key: idempotencyKey }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(retryOf === undefined ? {} : { retry_of: retryOf }),
    ...(borrowsFrom === undefined ? {} : { borrows_from: borrowsFrom }),
    list_order: listOrder,
    sweep_at: createdAt,
    ...(deadlineAt === undefined ? {} : { deadline_at: new Date(deadlineAt), deadline: new Date(deadlineAt) }),
    created_at: createdAt,
    updated_at: createdAt,
  };
}

export const varsFields = ({ vars, version, appliedBy }: VarsRecord) => ({
  ...jsonField("vars", vars),
  vars_version: version,
  vars_applied: appliedBy,
});

export const varsRecord = (doc: Pick<TaskDocument, "vars_version" | "vars_applied">): VarsRecord => ({
  vars: jsonOf<JsonObject>(doc, "vars") ?? {},
  version: doc.vars_version,
  appliedBy: doc.vars_applied,
});

export const taskRecord = (doc: TaskDocument): TaskRecord => ({
  ...stateOf(doc),
  graph: jsonOf<Graph>(doc, "graph") ?? noGraph,
  params: jsonOf<JsonObject>(doc, "params") ?? {},
});

const noGraph: Graph = { schema_version: "1.0", nodes: [], edges: [] };

/** What the moves of a task look at, and change. */
export const stateOf = (doc: TaskHead): Omit<TaskRecord, "graph" | "params"> => ({
  id: doc._id,
  priority: doc.priority,
  status: doc.status as TaskStatus,
  ...(doc.failure === undefined ? {} : { failure: failureOf(doc.failure) }),
  ...(doc.cancel_reason === undefined ? {} : { cancelReason: doc.cancel_reason }),
  ...(doc.idempotency_key === undefined ? {} : { idempotencyKey: doc.idempotency_key }),
  ...(doc.traceparent === undefined ? {} : { traceparent: doc.traceparent }),
  ...(doc.retry_of === undefined ? {} : { retryOf: doc.retry_of }),
  ...(doc.borrows_from === undefined ? {} : { borrowsFrom: doc.borrows_from }),
  createdAt: doc.created_at.getTime(),
  ...(doc.deadline === undefined ? {} : { deadlineAt: doc.deadline.getTime() }),
  ...(doc.ended_at === undefined ? {} : { endedAt: doc.ended_at.getTime() }),
});

export const summaryOf = (doc: TaskHead): TaskSummary => ({
  ...stateOf(doc),
  ...(doc.name === undefined ? {} : { name: doc.name }),
});

/** The change of the document that a move makes: due for a sweep now, or never again. */
export function moveFields(
  next: Omit<TaskRecord, "graph" | "params">,
  by: { readonly now: number; readonly rev: string },
) {
  const now = new Date(by.now);
  const isEnded = isTaskTerminal(next.status);
  return {
    $set: {
      rev: by.rev,
      status: next.status,
      updated_at: now,
      ...(next.failure === undefined ? {} : { failure: failureDocument(next.failure) }),
      ...(next.cancelReason === undefined ? {} : { cancel_reason: next.cancelReason }),
      ...(next.endedAt === undefined ? {} : { ended_at: new Date(next.endedAt) }),
      ...(isEnded ? {} : { sweep_at: now }),
    },
    $unset: isEnded ? ({ deadline_at: true, sweep_at: true } as const) : ({ deadline_at: true } as const),
  } as const;
}
