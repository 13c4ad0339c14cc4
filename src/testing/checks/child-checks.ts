import { isDeepStrictEqual } from "node:util";
import type { TaskEntry } from "../../adapters/memory/memory-state.ts";
import { isTaskTerminal, type TaskRecord } from "../../core/model/records.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { Graph, GraphNode } from "../../graph/index.ts";
import type { AllTasks } from "../cluster/archive.ts";
import { compute } from "../cluster/computation.ts";
import type { Journal } from "../cluster/journal.ts";
import type { Workload } from "../cluster/workload.ts";
import type { OutputOf } from "./reference.ts";

/*
 * Child tasks: at most one of a batch runs at a time, none repeats what another has finished, and their results equal a
 * plain evaluation of the flow.
 */

/** All tasks, and their child tasks. */
export interface Families {
  readonly tasks: { get(taskId: string): { readonly record: TaskRecord } | undefined };
  childrenOf(taskId: string): readonly { readonly record: TaskRecord }[];
}

type Known = { readonly allTasks: AllTasks; readonly journal: Journal };

/** Called when a task has been created. @returns the violations */
export function checkChild({ allTasks, journal }: Known, { record }: TaskEntry): readonly string[] {
  const { parent, retryOf } = record;
  if (parent === undefined) return [];
  const { counts } = journal;
  counts.children++;
  if (retryOf !== undefined) counts.childrenRetried++;
  if (allTasks.tasks.get(parent.taskId)?.record.parent !== undefined) counts.nestedChildren++;
  const others = othersOf(allTasks, record);
  if (others.some((other) => other.parent?.taskId !== parent.taskId)) counts.childrenContinued++;
  return judgeChild(record, others);
}

/** The other tasks of the same batch. */
export function othersOf(families: Families, record: TaskRecord): readonly TaskRecord[] {
  const all = lineageOf(families, record.parent?.taskId ?? "").flatMap((id) => families.childrenOf(id));
  return all.map((other) => other.record).filter((other) => other.id !== record.id && isSameBatch(other, record));
}

/** @param others - the tasks of the same batch when it was created, as they were then */
export function judgeChild({ retryOf }: TaskRecord, others: readonly TaskRecord[]): readonly string[] {
  const open = others.find((other) => !isTaskTerminal(other.status));
  const finished = others.find((other) => other.status === "finished");
  const unretried = others.length > 0 && !others.some((other) => other.id === retryOf);
  return [
    ...(open === undefined ? [] : [`created while ${open.id} runs the same batch`]),
    ...(finished === undefined ? [] : [`runs a batch again that ${finished.id} has finished`]),
    ...(unretried ? ["runs a batch again from its beginning"] : []),
  ];
}

/** A task, and those that it retries, the newest first. */
function lineageOf(families: Families, taskId: string): readonly string[] {
  const { retryOf } = families.tasks.get(taskId)?.record ?? {};
  return retryOf === undefined ? [taskId] : [taskId, ...lineageOf(families, retryOf)];
}

/** After a restart of its source, a batch of the same uid may be another. */
const isSameBatch = (a: TaskRecord, b: TaskRecord): boolean =>
  a.parent?.nodeId === b.parent?.nodeId && a.parent?.uid === b.parent?.uid && isDeepStrictEqual(a.params, b.params);

/** Whether a child task may have been cancelled although no cancel of it was requested. */
export function mayBeCancelled(families: Families, { parent: ref }: TaskRecord): boolean {
  const parent = families.tasks.get(ref?.taskId ?? "")?.record;
  if (parent === undefined || parent.status !== "finished") return true;
  // The try of its batch exceeded its time limit, or its node failed.
  return parent.graph.nodes.some(({ batches, optional }) => optional || batches?.timeout_sec !== undefined);
}

/** Whether a task of the batch failed or was cancelled, so that the batch may have. */
export function hasFailedChild(families: Families, taskId: string, nodeId: string, uid: string | undefined): boolean {
  return lineageOf(families, taskId)
    .flatMap((id) => families.childrenOf(id))
    .some(({ record: { parent, status } }) => {
      return parent?.nodeId === nodeId && parent.uid === uid && (status === "failed" || status === "cancelled");
    });
}

/** The output that a node makes of each payload, if it runs a flow. */
export function flowOutput(
  workload: Pick<Workload, "hasFinalize">,
  graph: Graph,
  node: GraphNode,
): OutputOf | undefined {
  const { flow, settled, input_inline: inline = {} } = node.io ?? {};
  const inner = graph.flows?.[flow ?? ""];
  if (inner === undefined) return undefined;
  return (item) => {
    const results = resultsOf(workload, inner, { item, salt: inline.salt ?? null });
    return settled ? { ok: true, results } : results;
  };
}

/** Each node has one batch, since the source of the flow is its item. */
function resultsOf(workload: Pick<Workload, "hasFinalize">, graph: Graph, params: JsonObject): JsonObject {
  const outputs = new Map<string, Json>();
  const results: { [nodeId: string]: Json } = {};
  for (const node of graph.nodes) {
    const [parent] = node.depends_on;
    const payload = parent === undefined ? params : (outputs.get(parent) ?? null);
    const output = (flowOutput(workload, graph, node)?.(payload) ?? compute(node.node_id, payload)) as Json;
    outputs.set(node.node_id, output);
    if (graph.nodes.some(({ depends_on }) => depends_on.includes(node.node_id))) continue;
    const { rows = [] } = output as { readonly rows?: readonly Json[] };
    results[node.node_id] = workload.hasFinalize(node.type) ? { batches: 1, rows: rows.length } : [output];
  }
  return results;
}
