import { FlowError, type Json } from "../../errors/index.ts";
import { ownJson } from "../codec/index.ts";
import { isTaskTerminal, sourceKey, type TaskRecord } from "../model/records.ts";
import type { NodePlan } from "../plan/index.ts";
import { artifactsDropped } from "../ports/index.ts";
import { StreamInput } from "../worker/input/index.ts";
import { endedBadly, readTask, type TaskReaderParts } from "./task-reader.ts";

const pageSize = 256;
const pollMinMs = 5;
const pollMaxMs = 100;

function nodeOf(parts: TaskReaderParts, task: TaskRecord, nodeId: string): NodePlan {
  const node = parts.plans.get(task.graph).byId.get(nodeId);
  if (node !== undefined) return node;
  throw new FlowError("NODE_UNKNOWN", `task ${task.id} has no node '${nodeId}'`, {
    details: { taskId: task.id, nodeId },
  });
}

/** The node's artifacts, as they are stored, until it has finished. */
export async function* streamArtifacts(parts: TaskReaderParts, taskId: string, nodeId: string): AsyncGenerator<Json> {
  const node = nodeOf(parts, await readTask(parts, taskId), nodeId);
  const sources = Array.from({ length: node.partitions }, (_, shard) => ({ nodeId, shard }));
  using changes = parts.changes.listen(taskId, { onlyEnd: false });
  let handedOut = false;
  for (;;) {
    // Always the task first: when it has ended, nothing comes after what is read below.
    let task = await readTask(parts, taskId);
    const stream = await openStream(parts, taskId, sources);
    let pollMs = pollMinMs;
    for (;;) {
      const pulled = await parts.retry.ask(() => stream.pull());
      if (pulled.kind === "end") return;
      if (pulled.kind === "restarted") break;
      if (pulled.kind === "page") {
        await parts.retry.ask(() => parts.store.settle());
        for (const artifact of pulled.artifacts) yield ownJson(artifact.meta);
        handedOut = true;
        pollMs = pollMinMs;
        continue;
      }
      if (isTaskTerminal(task.status)) {
        throw task.status === "finished" ? artifactsDropped({ taskId, nodeId }) : endedBadly(task);
      }
      await changes.next(parts.clock, pollMs);
      pollMs = Math.min(pollMaxMs, pollMs * 2);
      task = await readTask(parts, taskId);
    }
    if (handedOut) {
      throw new FlowError("ARTIFACTS_RESTARTED", `a retry of node '${nodeId}' restarted its output: read it again`, {
        retryable: true,
        details: { taskId, nodeId },
      });
    }
  }
}

async function openStream(
  parts: TaskReaderParts,
  taskId: string,
  sources: readonly { readonly nodeId: string; readonly shard: number }[],
): Promise<StreamInput> {
  const nodeIds = [...new Set(sources.map((source) => source.nodeId))];
  const records = await parts.retry.ask(() => parts.store.readShards(taskId, nodeIds));
  const sourceGens = Object.fromEntries(records.map((each) => [sourceKey(each.nodeId, each.shard), each.generation]));
  return new StreamInput({ store: parts.store, taskId, sources, sourceGens, origins: [], pageSize });
}
