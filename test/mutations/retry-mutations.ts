import { edit, type Mutation, mutation } from "./mutation.ts";

const adoption = "core/coordinator/adoption.ts";
const scheduler = "core/coordinator/scheduler.ts";
const newTask = "core/coordinator/new-task.ts";
const input = "core/worker/input/stream-input.ts";
const directed = (title: string, why: string) => ({
  file: "test/integration/engine/retry-tasks.test.ts",
  title,
  why,
});
const belowOnes = directed(
  "a finished node below a node that runs again",
  "takes a node that finished before one of its parents, which then failed",
);

export const retryMutations: readonly Mutation[] = [
  mutation(
    "a retry adopts nothing",
    edit(scheduler, 'if (task.status === "running") await adoptFinished(', "if (false) await adoptFinished("),
  ),
  mutation(
    "a retry starts before all is adopted",
    edit(scheduler, 'if (task.status === "running") await adoptFinished(', "void adoptFinished("),
  ),
  mutation(
    "a retry that is swept starts without what is adopted",
    edit(
      scheduler,
      'if (task.status === "running") await',
      'if (task.status === "running" && known === undefined) await',
    ),
  ),
  {
    elsewhere: belowOnes,
    ...mutation(
      "a node is adopted whatever became of its parents",
      edit(
        adoption,
        "if (left === 0) reached.push(child);",
        "if (left >= 0 && !reached.includes(child)) reached.push(child);",
      ),
    ),
  },
  {
    elsewhere: belowOnes,
    ...mutation("what is below a node that runs again is adopted", edit(adoption, "if (!isAdopted) continue;", "")),
  },
  mutation(
    "a node is adopted by halves",
    edit(adoption, "if (!isNodeFinished(node, finished)) return false;", "if (finished.length === 0) return false;"),
  ),
  mutation(
    "a stream reads an adopted node's artifacts from its own log",
    edit(
      input,
      "store.readArtifacts(cursor.log,",
      "store.readArtifacts({ ...cursor.log, taskId: this.#options.taskId },",
    ),
  ),
  {
    elsewhere: directed(
      "a reader that started before the adoption",
      "takes a page that is read while a task is adopted",
    ),
    ...mutation(
      "a page that was looked for in the wrong log is believed",
      edit(input, "if (seen.adopted) return this.pull();", ""),
    ),
  },
  {
    elsewhere: directed("a gather reads adopted nodes and nodes that ran again", "takes a gather that runs again"),
    ...mutation(
      "a gather reads an adopted node's artifacts from its own log",
      edit(
        "core/worker/input/gather-input.ts",
        "store.readArtifacts(logOf(record), record",
        "store.readArtifacts(record, record",
      ),
    ),
  },
  mutation(
    "a task is deleted although another points at its artifacts",
    edit("adapters/memory/tasks.ts", 'if (state.borrowers.has(id)) return "borrowed";', ""),
  ),
  mutation(
    "what a deleted task has borrowed stays lent",
    edit(
      "adapters/memory/tasks.ts",
      "for (const lender of entry.record.borrowsFrom ?? []) lend(state, lender, -1);",
      "",
    ),
  ),
  mutation(
    "a cleanup doesn't come back to the lenders of what it has deleted",
    edit("core/tasks/task-lists.ts", "let again = deleted > 0; again; ", "let again = false; again; "),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/kept-tasks.test.ts",
      title: "are gone for concurrent readers too",
      why: "takes a delete between two reads of one reader",
    },
    ...mutation(
      "who reads a task is shown what its delete left of it",
      edit("core/tasks/task-events.ts", "    await checkStillThere(parts, task);\n", ""),
    ),
  },
  mutation("a retry forgets the variables", edit(newTask, "...(vars === undefined ? {} : { vars }),", "")),
  {
    elsewhere: directed(
      "an update that was stored before the node failed to finish",
      "takes a task that ends between the two",
    ),
    ...mutation(
      "a retry forgets whose changes are in the variables",
      edit(
        newTask,
        "...(vars === undefined ? {} : { vars }),",
        "...(vars === undefined ? {} : { vars: { vars: vars.vars, appliedBy: [] } }),",
      ),
    ),
  },
  {
    elsewhere: directed("a retry of a retry finds the artifacts of the first", "takes a task that fails twice"),
    ...mutation(
      "a retry of a retry adopts from the task whose artifacts it finds",
      edit(
        "core/model/shard-transition.ts",
        "const { taskId, nodeId, shard } = logOf(finished);",
        "const { taskId, nodeId, shard } = finished;",
      ),
    ),
  },
];
