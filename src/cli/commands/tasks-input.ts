import { PlanCache } from "../../core/plan/index.ts";
import { systemClock } from "../../core/ports/system.ts";
import { StoreRetry } from "../../core/resilience/store-retry.ts";
import type { TaskView } from "../../core/tasks/api.ts";
import { failingInput } from "../../core/tasks/failed-batches.ts";
import type { Json } from "../../errors/index.ts";
import { CliError } from "../terminal/cli-error.ts";
import { compactJson, type Terminal } from "../terminal/terminal.ts";
import type { StoreAccess } from "./with-client.ts";

export interface InputOptions {
  readonly node?: string;
  readonly batch?: string;
}

/** A failed batch, with its payload, or why that is not known. */
interface FailedInput {
  readonly nodeId: string;
  readonly uid: string;
  readonly reasonCode: string;
  readonly message: string;
  readonly input?: Json;
  readonly missing?: string;
  /** Replaces an `input` that is too long: the beginning of its JSON. */
  readonly inputStart?: string;
  readonly inputLength?: number;
}

const mostBatches = 20;
const longestText = 4_000;
const longestJson = 100_000;

/** The failed batches of a node, or of all failed nodes: those that were set aside, and the one that failed the node. */
export async function failedInputs(
  { client, store, id }: StoreAccess & { readonly id: string },
  view: TaskView,
  { node, batch }: InputOptions,
): Promise<{ readonly inputs: readonly FailedInput[]; readonly hasMore: boolean }> {
  if (node !== undefined && !view.nodes.some(({ nodeId }) => nodeId === node)) {
    const list = view.nodes.map(({ nodeId }) => nodeId).join(", ");
    throw new CliError("CLI_USAGE", `task ${id} has no node '${node}'`, { hint: `Its nodes: ${list}` });
  }
  const parts = { store, retry: new StoreRetry(systemClock()), plans: new PlanCache(), inputAdapters: new Map() };
  const found: FailedInput[] = [];
  for (const { nodeId, failure, failedBatches } of view.nodes) {
    if (node !== undefined && nodeId !== node) continue;
    const uid = failure?.batchUid;
    if (failure !== undefined && uid !== undefined && (batch ?? uid) === uid) {
      const { reasonCode, message } = failure;
      found.push({ nodeId, uid, reasonCode, message, ...(await failingInput(parts, { taskId: id, nodeId, uid })) });
    }
    if (failedBatches === 0) continue;
    for await (const aside of client.failedBatches(id, nodeId)) {
      if ((batch ?? aside.uid) !== aside.uid) continue;
      if (found.length === mostBatches) return { inputs: found, hasMore: true };
      const { uid: asideUid, reasonCode, message, input } = aside;
      const missing = "its input adapter is not known here, or the store has dropped it";
      found.push({ nodeId, uid: asideUid, reasonCode, message, ...(input === undefined ? { missing } : { input }) });
    }
  }
  if (found.length === 0 && batch !== undefined) {
    throw new CliError(
      "CLI_USAGE",
      `no failed batch '${batch}' in ${node === undefined ? "this task" : `node '${node}'`}`,
    );
  }
  return { inputs: found, hasMore: false };
}

/** For `--json`: a long `input` is replaced by `inputStart`. */
export function bounded(found: FailedInput): FailedInput {
  const { input, ...rest } = found;
  const text = input === undefined ? "" : JSON.stringify(input);
  if (text.length <= longestJson) return found;
  return { ...rest, inputStart: text.slice(0, longestJson).toWellFormed(), inputLength: text.length };
}

export function printInputs(
  terminal: Terminal,
  { inputs, hasMore }: { readonly inputs: readonly FailedInput[]; readonly hasMore: boolean },
): void {
  if (inputs.length === 0) terminal.note("no failed batches");
  for (const { nodeId, uid, reasonCode, message, input, missing } of inputs) {
    terminal.print(`batch '${uid}' of ${nodeId}: ${reasonCode}: ${message.split("\n", 1)[0]}`);
    if (input === undefined) {
      terminal.print(`  its input is not known: ${missing}`);
      continue;
    }
    const text = compactJson(input);
    terminal.print(`input ${text.slice(0, longestText).toWellFormed()}`);
    if (text.length > longestText) {
      terminal.note(`cut after ${longestText} of ${text.length} characters; --json prints up to ${longestJson}`);
    }
  }
  if (hasMore) terminal.note(`only the first ${mostBatches}; name one with --batch, or see flowkit batches list`);
}
