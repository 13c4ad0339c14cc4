import { edit, type Mutation, mutation } from "./mutation.ts";

const artifacts = "core/tasks/task-handle.ts";
const events = "core/tasks/task-events.ts";
const log = "adapters/memory/artifact-log.ts";
const changes = "core/tasks/task-changes.ts";

export const readerMutations: readonly Mutation[] = [
  mutation(
    "a restart is read over",
    edit(artifacts, 'if (pulled.kind === "restarted") break;', 'if (pulled.kind === "restarted") return;'),
  ),
  mutation("a restart is not told", edit(artifacts, "if (handedOut) {", "if (false) {")),
  mutation(
    "the events of a shard are told again",
    edit(events, "if (entry.n <= seen) continue;", "if (entry.n < seen) continue;"),
  ),
  mutation("the last event is not told", edit(events, "if (task.status !== seenStatus) {", "if (false) {")),
  mutation("who has read goes on listening", edit(changes, "    this.#remove();\n", "")),
  mutation(
    "whoever reads an artifact can change it",
    edit(log, "const kept = keepJson(meta, ", "const kept = meta ?? keepJson(meta, "),
  ),
  mutation(
    "a handler can change its task's parameters",
    edit("adapters/memory/tasks.ts", 'keepJson(task.params, "the set of the task\'s parameters");', ""),
    edit("adapters/memory/tasks.ts", "deepFreeze(create(now()))", "create(now())"),
    edit("core/worker/claim/claimer.ts", "deepFreeze(task.params)", "task.params"),
  ),
];
