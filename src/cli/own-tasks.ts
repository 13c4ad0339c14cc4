import type { Store } from "../engine/ports/index.ts";
import { overlaid } from "./serving/counted-store.ts";

/**
 * The same store, for a process that works on the tasks only that it asked for: it claims nothing of others, whose
 * handlers may be another version, and whose limits it doesn't know.
 */
export function ownTasksOf(store: Store): Store {
  const own = new Set<string>();
  return overlaid(store, {
    async createTask(task) {
      const answer = await store.createTask(task);
      own.add(answer.id); // also one that its idempotency key has found
      return answer;
    },
    peekQueue: (types, limit, exceptTasks) => store.peekQueue(types, limit, exceptTasks, own),
    claim: async (ref, by) => (own.has(ref.taskId) ? store.claim(ref, by) : undefined),
  });
}
