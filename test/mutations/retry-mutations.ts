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
  "requires a node that finished before one of its parents, which then failed",
);

export const retryMutations: readonly Mutation[] = [
  mutation(
    "a retry adopts nothing",
    edit(scheduler, "if (mayRun) await adoptFinished(", "if (false) await adoptFinished("),
  ),
  mutation(
    "a retry starts before the adoption is complete",
    edit(scheduler, "if (mayRun) await adoptFinished(", "void adoptFinished("),
  ),
  mutation(
    "a swept retry starts without adoption",
    edit(scheduler, "if (mayRun) await", "if (mayRun && known === undefined) await"),
  ),
  {
    elsewhere: belowOnes,
    ...mutation(
      "a node is adopted although not all of its parents are",
      edit(
        adoption,
        "if (left === 0) reached.push(child);",
        "if (left >= 0 && !reached.includes(child)) reached.push(child);",
      ),
    ),
  },
  {
    elsewhere: belowOnes,
    ...mutation("nodes below a node that runs again are adopted", edit(adoption, "if (!isAdopted) continue;", "")),
  },
  mutation(
    "a partly finished node is adopted",
    edit(adoption, "if (!isAdoptable(node, ended)) return false;", "if (ended.length === 0) return false;"),
  ),
  mutation(
    "a stream reads the artifacts of an adopted node from the wrong log",
    edit(
      input,
      "store.readArtifacts(log, generation, seq",
      "store.readArtifacts({ ...log, taskId: this.#options.taskId }, generation, seq",
    ),
  ),
  {
    elsewhere: directed("a reader that started before the adoption", "requires a page that is read during an adoption"),
    ...mutation(
      "a page read from the wrong log during adoption is accepted",
      edit(input, "if (seen.adopted) return this.pull();", ""),
    ),
  },
  {
    elsewhere: directed("a gather reads adopted nodes and nodes that ran again", "requires a gather that runs again"),
    ...mutation(
      "a gather reads the artifacts of an adopted node from the wrong log",
      edit(
        "core/worker/input/gather-input.ts",
        "store.readArtifacts(logOf(record), record",
        "store.readArtifacts(record, record",
      ),
    ),
  },
  mutation(
    "a task is deleted while a retry borrows its artifacts",
    edit("adapters/memory/tasks.ts", " || state.borrowers.has(id)) return", ") return"),
  ),
  mutation(
    "a deleted task does not return what it borrowed",
    edit(
      "adapters/memory/tasks.ts",
      "for (const lender of entry.record.borrowsFrom ?? []) lend(state, lender, -1);",
      "",
    ),
  ),
  mutation(
    "a cleanup does not revisit the lenders of deleted tasks",
    edit("core/tasks/task-lists.ts", "let again = gone > 0; again; ", "let again = false; again; "),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/kept-tasks.test.ts",
      title: "are gone for concurrent readers too",
      why: "requires a delete between two reads of one reader",
    },
    ...mutation(
      "a reader receives the remains of a deleted task",
      edit("core/tasks/task-events.ts", "    await checkStillThere(parts, task);\n", ""),
    ),
  },
  mutation("a retry starts without the variables", edit(newTask, "...(vars === undefined ? {} : { vars }),", "")),
  {
    elsewhere: directed(
      "an update that was stored before the node failed to finish",
      "requires a task that ends between the update and the finish",
    ),
    ...mutation(
      "a retry applies updates of variables again",
      edit(
        newTask,
        "...(vars === undefined ? {} : { vars }),",
        "...(vars === undefined ? {} : { vars: { vars: vars.vars, appliedBy: [] } }),",
      ),
    ),
  },
  {
    elsewhere: directed("a retry of a retry finds the artifacts of the first", "requires a task that fails twice"),
    ...mutation(
      "a retry of a retry adopts from the wrong task",
      edit(
        "core/model/shard-transition.ts",
        "const { taskId, nodeId, shard } = logOf(ended);",
        "const { taskId, nodeId, shard } = ended;",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/sim/scheduler-races.test.ts",
      title: "a plan that read a retry as running adopts, even if a cancel has looked at it since",
      why: "requires a cancel between two reads of one plan: one seed in 28,000",
    },
    ...mutation(
      "a retry that was cancelled before it adopted counts as adopted",
      edit(scheduler, "cached.hasAdopted ||= mayRun;", "cached.hasAdopted = true;"),
    ),
  },
];
