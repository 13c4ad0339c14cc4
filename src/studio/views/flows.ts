import type { TaskRecord } from "../../core/model/records.ts";
import type { UntypedFlow } from "../../core/tasks/api.ts";
import type { FlowDefinition } from "../../definitions/index.ts";
import { FlowError, type Json } from "../../errors/index.ts";
import { nearName } from "../../graph/format/near-name.ts";
import { type Change, diffGraphs, type Graph, graphHash, resolveParams, withoutSchemas } from "../../graph/index.ts";
import type { FlowChange, FlowDetail, FlowDiff, FlowList, FlowRow, FlowRun } from "../api.ts";
import type { Reading } from "../reading.ts";
import { viewGraph } from "./graph-view.ts";
import { rowOf, waitingOf } from "./task-list.ts";

/** A flow that the studio can start. Boxed, since a flow has a `.then` that a promise would call. */
export interface StudioFlow {
  /** Compiled with its schemas, if it comes from a module. */
  readonly graph: Graph;
  /** The display name of the file that exports it. */
  readonly file: string;
  /** Absent for a graph JSON. */
  readonly flow?: FlowDefinition<UntypedFlow>;
}

/** Flows are found by their newest tasks; this many tasks are read. */
const newestTasks = 1_000;

/** Flows of files first, then those of the newest tasks, by name. */
export async function listFlows(reading: Reading, files: readonly StudioFlow[]): Promise<FlowList> {
  const newest = await newestByFlow(reading);
  const paused = new Set(await reading.client.flows.paused());
  const names = [...files.flatMap(({ graph }) => graph.name ?? []), ...[...newest.keys()].sort()];
  const items: FlowRow[] = [];
  for (const name of new Set(names)) {
    const row = await rowFor(reading, { name, file: fileOf(files, name), taskId: newest.get(name), paused });
    if (row !== undefined) items.push(row.row);
  }
  return { items };
}

/** @throws FlowError `STUDIO_NOT_FOUND` */
export async function flowDetail(reading: Reading, files: readonly StudioFlow[], name: string): Promise<FlowDetail> {
  const newest = await newestByFlow(reading);
  const paused = new Set(await reading.client.flows.paused());
  const file = fileOf(files, name);
  const found = await rowFor(reading, { name, file, taskId: newest.get(name), paused });
  if (found === undefined) {
    const near = nearName(name, [...files.flatMap(({ graph }) => graph.name ?? []), ...newest.keys()]);
    const hint = near === undefined ? "" : `: did you mean '${near}'?`;
    throw new FlowError("STUDIO_NOT_FOUND", `there is no flow '${name}' in the files and the newest tasks${hint}`);
  }
  const { row, graph, last } = found;
  const schema = graph.params_schema;
  const diff = file === undefined || last === undefined ? undefined : diffTo(file.graph, last);
  return {
    ...row,
    graph: viewGraph(graph),
    ...(schema === undefined ? {} : { paramsSchema: schema }),
    canStart: file !== undefined,
    ...(diff === undefined ? {} : { diff }),
  };
}

export const fileOf = (files: readonly StudioFlow[], name: string): StudioFlow | undefined =>
  files.find(({ graph }) => graph.name === name);

/** The schemas of the handlers that the files export, by name. */
export function schemasOf(files: readonly StudioFlow[]): NonNullable<Graph["schemas"]> {
  return Object.assign({}, ...files.map(({ graph }) => graph.schemas ?? {}));
}

/** The id of the newest task of each flow. */
async function newestByFlow({ client }: Reading): Promise<ReadonlyMap<string, string>> {
  const { items } = await client.list({ limit: newestTasks });
  const newest = new Map<string, string>();
  for (const { name, id } of items) if (name !== undefined && !newest.has(name)) newest.set(name, id);
  return newest;
}

async function rowFor(
  reading: Reading,
  of: {
    readonly name: string;
    readonly file: StudioFlow | undefined;
    readonly taskId: string | undefined;
    readonly paused: ReadonlySet<string>;
  },
): Promise<{ readonly row: FlowRow; readonly graph: Graph; readonly last: TaskRecord | undefined } | undefined> {
  const { name, file, taskId, paused } = of;
  const last = taskId === undefined ? undefined : await reading.store.readTask(taskId);
  const graph = file?.graph ?? last?.graph;
  if (graph === undefined) return undefined;
  const lastRun = last && (await runOf(reading, last));
  const row: FlowRow = {
    name,
    hash: graphHash(withoutSchemas(graph)),
    origin: file === undefined ? "store" : "file",
    ...(file === undefined ? {} : { file: file.file }),
    nodes: graph.nodes.length,
    paused: paused.has(name),
    ...(lastRun === undefined ? {} : { lastRun }),
    ...(file === undefined || last === undefined ? {} : { changed: diffTo(file.graph, last) !== undefined }),
  };
  return { row, graph, last };
}

async function runOf(reading: Reading, task: TaskRecord): Promise<FlowRun> {
  const { id, createdAt, graph } = task;
  const waiting = await waitingOf(reading, task);
  return {
    taskId: id,
    createdAt,
    state: rowOf(task).state,
    ...(waiting === undefined ? {} : { waiting }),
    hash: graphHash(withoutSchemas(graph)),
  };
}

/** From the graph of a task to that of a file, with the task's parameters filled in. `undefined`: they are the same. */
function diffTo(file: Graph, { graph, params }: TaskRecord): FlowDiff | undefined {
  const { same, nodes, edges, graph: rest } = diffGraphs(withoutSchemas(graph), filledIn(withoutSchemas(file), params));
  if (same) return undefined;
  const incompatible = [...edges.incompatible, ...edges.lostCases];
  const changes: readonly FlowChange[] = [
    ...nodes.removed.map((id) => ({ kind: "removed", what: `node ${id}` }) as const),
    ...nodes.added.map((id) => ({ kind: "added", what: `node ${id}` }) as const),
    ...edges.removed.map(([from, to]) => ({ kind: "removed", what: `edge ${from} -> ${to}` }) as const),
    ...edges.added.map(([from, to]) => ({ kind: "added", what: `edge ${from} -> ${to}` }) as const),
    ...nodes.changed.flatMap(({ nodeId, changes: each }) => each.map((change) => changed(`node ${nodeId}`, change))),
    ...rest.map((change) => changed("graph", change)),
    ...incompatible.map(({ message }) => ({ kind: "incompatible", what: message }) as const),
  ];
  return { compatible: incompatible.length === 0, changes };
}

/** The parameters of an earlier version may not fit. */
function filledIn(graph: Graph, params: TaskRecord["params"]): Graph {
  try {
    return resolveParams(graph, params);
  } catch (error) {
    if (!FlowError.is(error)) throw error;
    return graph;
  }
}

const longestChange = 200;

function changed(what: string, { path, before, after }: Change): FlowChange {
  return {
    kind: "changed",
    what,
    path,
    ...(before === undefined ? {} : { before: short(before) }),
    ...(after === undefined ? {} : { after: short(after) }),
  };
}

function short(value: Json): string {
  const text = JSON.stringify(value);
  return text.length <= longestChange ? text : `${text.slice(0, longestChange).toWellFormed()}...`;
}
