import { edit, type Mutation, mutation } from "./mutation.ts";

const artifacts = "core/tasks/task-handle.ts";
const events = "core/tasks/task-events.ts";
const log = "adapters/memory/artifact-log.ts";
const changes = "core/tasks/task-changes.ts";

export const readerMutations: readonly Mutation[] = [
  mutation(
    "a restart ends the reading",
    edit(artifacts, 'if (pulled.kind === "restarted") break;', 'if (pulled.kind === "restarted") return;'),
  ),
  mutation("a restart is not reported to the reader", edit(artifacts, "if (handedOut) {", "if (false) {")),
  mutation(
    "the last event of a shard is repeated",
    edit(events, "if (entry.n <= seen) continue;", "if (entry.n < seen) continue;"),
  ),
  mutation(
    "the last event of a task is not delivered",
    edit(events, "if (task.status !== seenStatus) {", "if (false) {"),
  ),
  mutation("a finished reader keeps its subscription", edit(changes, "    this.#remove();\n", "")),
  mutation(
    "readers can modify stored artifacts",
    edit(log, "const kept = keepJson(meta, ", "const kept = meta ?? keepJson(meta, "),
  ),
  mutation(
    "handlers can modify the parameters of their task",
    edit("adapters/memory/tasks.ts", 'keepJson(task.params, "the set of the task\'s parameters");', ""),
    edit("adapters/memory/tasks.ts", "deepFreeze(create(now()))", "create(now())"),
    edit("core/worker/claim/limits.ts", "deepFreeze(task.params)", "task.params"),
  ),
];
