import { reasonText, type TaskFailure, type TaskSummary } from "../../core/model/records.ts";
import { waitsForSignal } from "../../core/plan/index.ts";
import type { NodeView, TaskExplanation, TaskView } from "../../core/tasks/api.ts";
import type { Client } from "../../engine/client.ts";
import { coordinatorFnType, flowType } from "../../graph/index.ts";
import { CliError } from "../terminal/cli-error.ts";
import { counted, duration, perSecond, type Terminal, table } from "../terminal/terminal.ts";
import { ownFrame } from "./report-error.ts";
import { bounded, failedInputs, type InputOptions, printInputs } from "./tasks-input.ts";
import type { StoreAccess } from "./with-client.ts";

type TaskAccess = StoreAccess & { readonly id: string };

export interface ShowOptions extends InputOptions {
  readonly attempts?: boolean;
  readonly input?: boolean;
}

/** `flowkit tasks show` */
export async function showTask(terminal: Terminal, access: TaskAccess, options: ShowOptions): Promise<void> {
  const { client, id } = access;
  if (options.input !== true && (options.node !== undefined || options.batch !== undefined)) {
    throw new CliError("CLI_USAGE", "--node and --batch choose what --input prints", { hint: "Add --input." });
  }
  const view = await client.task(id).status();
  const found = options.input === true ? await failedInputs(access, view, options) : undefined;
  const history = options.attempts === true ? await attemptsOf(access, options.node) : undefined;
  if (terminal.isJson) {
    terminal.printJson({
      ...view,
      ...(history === undefined ? {} : { attempts: history }),
      ...(found === undefined
        ? {}
        : { inputs: found.inputs.map(bounded), ...(found.hasMore ? { moreInputs: true } : {}) }),
    });
    return;
  }
  if (found !== undefined) printInputs(terminal, found);
  else {
    printTask(terminal, view, view.endedAt === undefined ? await client.task(id).explain() : undefined);
    if (view.nodes.some(({ type }) => type === flowType)) await showChildren(terminal, client, id);
  }
  const rows = (history ?? []).map((each) => [
    `  ${new Date(each.at).toISOString().slice(11, 23)}`,
    each.shard === 0 ? each.nodeId : `${each.nodeId}/${each.shard}`,
    `attempt ${each.epoch}`,
    each.cause,
    each.to,
    each.workerId ?? "",
    each.reasonCode === undefined ? "" : reasonText(each.reasonCode, each.message),
  ]);
  for (const line of table(rows)) terminal.print(line);
}

/** The history that the records keep of each shard, or of those of a node, in order of time. */
async function attemptsOf({ store, id }: TaskAccess, node: string | undefined) {
  const shards = await store.readShards(id, node === undefined ? undefined : [node]);
  const entries = shards.flatMap(({ nodeId, shard, history }) => history.map((entry) => ({ nodeId, shard, ...entry })));
  return entries.toSorted((a, b) => a.at - b.at);
}

/** @param explanation - of a task that has not ended */
export function printTask(terminal: Terminal, view: TaskView, explanation?: TaskExplanation): void {
  const name = view.name === undefined ? "" : ` (${view.name})`;
  const age = duration((view.endedAt ?? Date.now()) - view.createdAt);
  const took = view.endedAt === undefined ? `${age} ago` : `took ${age}`;
  const reasons = [remark(view), ...(view.laterFailures ?? []).map((failure) => `then ${placed(failure)}`)];
  const line = `task ${view.id}${name} ${view.status}, created ${time(view.createdAt)}, ${took}  ${reasons.join("; ")}`;
  terminal.print(line.trimEnd());
  if (view.retryOf !== undefined) terminal.print(`retry of ${view.retryOf}`);
  const { parent } = view;
  if (parent !== undefined) {
    terminal.print(`run by node '${parent.nodeId}' of task ${parent.taskId} for batch '${parent.uid}'`);
  }
  if (Object.keys(view.params).length > 0) terminal.print(`params ${JSON.stringify(view.params)}`);
  const rows = view.nodes.map((node) => [
    `  ${node.nodeId}`,
    node.type === coordinatorFnType ? "function" : node.type,
    node.status,
    node.startedAt === undefined ? "" : time(node.startedAt).slice(11),
    ...paceOf(node),
    counted(node.batches, "batch", "batches") +
      (node.carriedBatches === undefined ? "" : `, ${node.carriedBatches} carried`),
    troubles(node),
    happening(node, explanation),
  ]);
  for (const line of table(rows)) terminal.print(line);
}

/** How long the node took, or has taken so far, and its batches a second. */
function paceOf({ startedAt, endedAt, batches }: NodeView): readonly [string, string] {
  if (startedAt === undefined) return ["", ""];
  const ms = Math.max(0, (endedAt ?? Date.now()) - startedAt);
  return [duration(ms), perSecond(batches, ms)];
}

export const time = (ms: number): string => new Date(ms).toISOString().replace("T", " ").slice(0, 19);

/** Why a task failed or was cancelled. */
export function remark({ failure, cancelReason }: TaskSummary | TaskView): string {
  return failure === undefined ? (cancelReason ?? "") : placed(failure);
}

const placed = ({ nodeId, reasonCode }: TaskFailure): string =>
  nodeId === undefined ? reasonCode : `at '${nodeId}': ${reasonCode}`;

/** Lists child tasks that are running or failed, including failed ones that were retried. */
async function showChildren(terminal: Terminal, client: Client, id: string): Promise<void> {
  const { items, cursor } = await client.list({
    children: { of: id },
    status: ["running", "cancelling", "failed"],
    limit: 20,
  });
  const rows = items.map((task) => [`  task ${task.id}`, task.parent?.nodeId ?? "", task.status, remark(task)]);
  for (const line of table(rows)) terminal.print(line);
  if (cursor !== undefined) terminal.note("more: flowkit tasks list --children");
}

function happening({ nodeId, failure, awaitsSignal }: NodeView, explanation: TaskExplanation | undefined): string {
  if (failure !== undefined) {
    const { batchUid, reasonCode, message, stack, tries = 1 } = failure;
    const batch = batchUid === undefined ? "" : `batch '${batchUid}'${tries === 1 ? "" : ` after ${tries} tries`}: `;
    const line = ownFrame(stack)?.match(/[^\s(]+:\d+:\d+/)?.[0];
    return `${batch}${reasonText(reasonCode, message)}${line === undefined ? "" : ` (${line})`}`;
  }
  if (awaitsSignal !== undefined) return waitsForSignal(awaitsSignal, Date.now());
  const open = explanation?.nodes.find((each) => each.nodeId === nodeId && !isPlain.has(each.why.reason));
  return open === undefined ? "" : open.text.slice(open.text.indexOf(" ") + 1);
}

/** Reasons that the status of the node already implies. */
const isPlain: ReadonlySet<TaskExplanation["nodes"][number]["why"]["reason"]> = new Set(["ended", "running"]);

/** What keeps an open task from continuing, apart from nodes that wait for others. */
export function trouble({ nodes }: TaskExplanation): string {
  const usual = new Set<string>([...isPlain, "waiting_for_parents", "waiting_for_first_batch", "ready", "queued"]);
  return nodes.find(({ why }) => !usual.has(why.reason))?.text ?? "";
}

function troubles(node: Pick<NodeView, "failures" | "failedBatches" | "waitingBatches">): string {
  const { failures, failedBatches, waitingBatches } = node;
  return [
    ...(failures === 0 ? [] : [counted(failures, "failure")]),
    ...(failedBatches === 0 ? [] : [`${failedBatches} set aside`]),
    ...(waitingBatches === 0 ? [] : [`${waitingBatches} to be retried`]),
  ].join(", ");
}
