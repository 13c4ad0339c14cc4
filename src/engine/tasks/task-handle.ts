import type { FlowTypes } from "../../definitions/index.ts";
import type { TaskEvent, TaskExplanation, TaskHandle, TaskView } from "../api.ts";
import { streamArtifacts } from "./task-artifacts.ts";
import { taskEvents } from "./task-events.ts";
import { explainTask } from "./task-explain.ts";
import { noSuchTask, type TaskReaderParts, viewTask, waitForEnd } from "./task-reader.ts";
import { taskResult } from "./task-result.ts";

export interface TaskHandleParts extends TaskReaderParts {
  readonly cancel: (taskId: string, reason: string) => Promise<"recorded" | "already" | "terminal" | "unknown">;
}

/** The handle's types are the flow's; what it reads are the store's records, which know nothing of them: one cast a method. */
export function taskHandle<TTypes extends FlowTypes>(parts: TaskHandleParts, id: string): TaskHandle<TTypes> {
  type NodeId = Extract<keyof TTypes["outputs"], string>;
  return {
    id,
    events: (options = {}) => taskEvents(parts, id, options) as AsyncIterableIterator<TaskEvent<NodeId>>,
    artifacts: <TNodeId extends NodeId>(nodeId: TNodeId) =>
      streamArtifacts(parts, id, nodeId) as AsyncIterableIterator<unknown> as AsyncIterableIterator<
        TTypes["outputs"][TNodeId]
      >,
    result: () => taskResult(parts, id) as Promise<TTypes["results"]>,
    async wait() {
      await waitForEnd(parts, id);
      return viewTask(parts, id) as Promise<TaskView<NodeId>>;
    },
    status: () => viewTask(parts, id) as Promise<TaskView<NodeId>>,
    explain: () => explainTask(parts, id) as Promise<TaskExplanation<NodeId>>,
    async cancel({ reason = "cancelled by request" } = {}) {
      const answer = await parts.cancel(id, reason);
      if (answer !== "unknown") return answer;
      throw noSuchTask(id);
    },
  };
}
