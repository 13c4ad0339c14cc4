import type { MemoryState } from "../../adapters/memory/index.ts";
import { isTaskTerminal } from "../../core/model/records.ts";
import type { AllTasks } from "./all-tasks.ts";
import type { Journal } from "./journal.ts";

export type DeleteAnswer = "deleted" | "unknown" | "open" | "borrowed";

/**
 * Looks at what is there when the delete of a task arrives: only what has ended, and nobody points at, may go. The
 * check of the answer comes in the same step.
 */
export function checkDelete(
  parts: {
    readonly state: MemoryState;
    readonly allTasks: AllTasks;
    readonly journal: Journal;
  },
  id: string,
): (answer: DeleteAnswer) => void {
  const { state, allTasks, journal } = parts;
  const entry = state.tasks.get(id);
  const wanted = (): DeleteAnswer => {
    if (entry === undefined) return "unknown";
    if (!isTaskTerminal(entry.record.status)) return "open";
    return [...state.tasks.values()].some(({ record }) => record.borrowsFrom?.includes(id)) ? "borrowed" : "deleted";
  };
  const expected = wanted();
  return (answer) => {
    if (answer === "borrowed") journal.counts.borrowed++;
    if (answer !== expected) journal.violated(`the delete of ${id} is '${answer}', and it should be '${expected}'`);
    if (answer !== "deleted" || entry === undefined) return;
    const pointing = [...state.tasks.values()].find(({ nodes }) =>
      [...nodes.values()].some(({ shards }) => shards.some((shard) => shard?.record.artifactsOf?.taskId === id)),
    );
    if (pointing !== undefined)
      journal.violated(`${id} was deleted, and ${pointing.record.id} points at its artifacts`);
    journal.counts.deleted++;
    allTasks.deleted(entry);
  };
}
