import { isShardTerminal, type ShardRecord, type TaskRecord } from "../../core/model/records.ts";
import type { TaskExplanation, LogPage as TaskLogPage } from "../../core/tasks/api.ts";
import { failingInput } from "../../core/tasks/failed-batches.ts";
import { shardStatus } from "../../core/tasks/task-reader.ts";
import {
  coordinatorFnType,
  type Graph,
  type GraphNode,
  graphHash,
  type TypeSchemas,
  withoutSchemas,
} from "../../graph/index.ts";
import type { InputView, LogPage, NodeDetail, ShardView, TaskDetail, TaskLive } from "../api.ts";
import { nodeIn, type Reading, readRecord } from "../reading.ts";
import { viewValue } from "./artifacts.ts";
import { kindOf, viewGraph } from "./graph-view.ts";
import { attemptsOf } from "./history.ts";
import { readLive } from "./live.ts";

/** @throws FlowError `TASK_UNKNOWN` */
export async function taskDetail(reading: Reading, taskId: string): Promise<TaskDetail> {
  const record = await readRecord(reading, taskId);
  const { graph, idempotencyKey, traceparent, retryOf, parent, startsAt, deadlineAt } = record;
  const live = await readLive(reading, graph, taskId);
  return {
    id: taskId,
    ...(graph.name === undefined ? {} : { flow: graph.name }),
    graph: viewGraph(graph),
    graphHash: graphHash(withoutSchemas(graph)),
    params: record.params,
    ...(graph.params_schema === undefined ? {} : { paramsSchema: graph.params_schema }),
    priority: record.priority,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(retryOf === undefined ? {} : { retryOf }),
    ...(parent === undefined ? {} : { parent }),
    createdAt: record.createdAt,
    ...(startsAt === undefined ? {} : { startsAt }),
    ...(deadlineAt === undefined ? {} : { deadlineAt }),
    live,
  };
}

/** What was read of a task, to show any of its nodes. */
export interface TaskFacts {
  readonly record: TaskRecord;
  readonly live: TaskLive;
  readonly explanation: TaskExplanation;
  readonly shards: readonly ShardRecord[];
  readonly counts: Awaited<ReturnType<Reading["store"]["countArtifacts"]>>;
}

/** @throws FlowError `TASK_UNKNOWN` */
export async function readFacts(reading: Reading, taskId: string): Promise<TaskFacts> {
  const record = await readRecord(reading, taskId);
  const live = await readLive(reading, record.graph, taskId);
  const [shards, counts, explanation] = await Promise.all([
    reading.store.readShards(taskId),
    reading.store.countArtifacts(taskId),
    reading.client.task(taskId).explain(),
  ]);
  return { record, live, shards, counts, explanation };
}

/**
 * One node of a task.
 *
 * @param schemas - the schemas of known handlers, by name
 * @throws FlowError `NODE_UNKNOWN`
 */
export async function nodeDetail(
  reading: Reading,
  { facts, nodeId }: { readonly facts: TaskFacts; readonly nodeId: string },
  schemas: Graph["schemas"] = {},
): Promise<NodeDetail> {
  const { record, live, explanation, counts } = facts;
  const node = nodeIn(record, nodeId);
  const { graph } = record;
  const own = live.nodes.find((each) => each.nodeId === nodeId);
  if (own === undefined) throw new Error(`the view of task ${record.id} lacks node '${nodeId}'`);
  const shards = facts.shards.filter((each) => each.nodeId === nodeId);
  const stored = new Map(counts.flatMap((each) => (each.nodeId === nodeId ? [[each.shard, each.count]] : [])));
  const view = viewGraph({ ...graph, nodes: [node], edges: [] });
  const { input_adapter: _, input_args: __, ...args } = node.io?.input_inline ?? {};
  const failedInput = await failedInputOf(reading, record, own.failure);
  const signalSchema = kindOf(node) === "wait" ? node.io?.fn_args?.payload : undefined;
  const hasEnded = record.endedAt !== undefined;
  return {
    nodeId,
    type: view.nodes[0]?.type ?? node.type,
    kind: kindOf(node),
    settings: view.nodes[0]?.settings ?? [],
    args: node.type === coordinatorFnType ? (node.io?.fn_args ?? {}) : (args as NodeDetail["args"]),
    dependsOn: node.depends_on,
    readBy: graph.nodes.filter((each) => each.depends_on.includes(nodeId)).map((each) => each.node_id),
    schemas: schemasOf(node, graph.schemas ?? schemas),
    live: own,
    shards: shards.map((shard) => viewShard(shard, { explanation, stored: stored.get(shard.shard) ?? 0 })),
    attempts: attemptsOf(shards),
    ...(failedInput === undefined ? {} : { failedInput }),
    ...(isObjectSchema(signalSchema) ? { signalSchema } : {}),
    actions: [
      ...(own.awaitsSignal === undefined ? [] : (["signal"] as const)),
      ...(hasEnded && own.batches.failed > 0 ? (["retryBatches"] as const) : []),
    ],
  };
}

const isObjectSchema = (schema: unknown): schema is NonNullable<NodeDetail["signalSchema"]> =>
  typeof schema === "object" && schema !== null && !Array.isArray(schema);

function schemasOf({ type }: GraphNode, schemas: NonNullable<Graph["schemas"]>): TypeSchemas {
  return Object.hasOwn(schemas, type) ? (schemas[type] ?? {}) : {};
}

function viewShard(
  record: ShardRecord,
  { explanation, stored }: { readonly explanation: TaskExplanation; readonly stored: number },
): ShardView {
  const { nodeId, shard, epoch, lease, dueAt, failures, failure } = record;
  const explain = explanation.nodes.find((each) => each.nodeId === nodeId && each.shard === shard)?.text;
  const isOpen = !isShardTerminal(record.status);
  return {
    shard,
    state: shardStatus(record),
    epoch,
    ...(explain === undefined ? {} : { explain }),
    ...(isOpen && lease !== undefined ? { workerId: lease.workerId, leaseUntil: lease.deadline } : {}),
    ...(isOpen && dueAt !== undefined ? { dueAt } : {}),
    stored,
    failures,
    ...(failure === undefined ? {} : { failure }),
  };
}

async function failedInputOf(
  { input }: Reading,
  { id: taskId }: TaskRecord,
  failure: NodeDetail["live"]["failure"],
): Promise<InputView | undefined> {
  const { nodeId, batchUid: uid } = failure ?? {};
  if (nodeId === undefined || uid === undefined) return undefined;
  const found = await failingInput(input, { taskId, nodeId, uid });
  return "missing" in found ? { missing: found.missing } : viewValue(found.input);
}

/**
 * The kept log lines of the handler of a node.
 *
 * @param page.after - the number of the last known line; -1 before the first
 */
export async function logPage(
  { client }: Pick<Reading, "client">,
  { taskId, nodeId }: { readonly taskId: string; readonly nodeId: string },
  page: { readonly after: number; readonly limit: number },
): Promise<LogPage> {
  return viewLogs(await client.task(taskId).logs({ nodeId, ...page }));
}

/** The lines of one node. */
export function viewLogs({ lines, next, hasMore, dropped }: TaskLogPage): LogPage {
  return { items: lines.map(({ nodeId: _, ...line }) => line), cursor: String(next), hasMore, dropped };
}
