import type { MemoryState } from "../../adapters/memory/index.ts";
import { cleanUp, deleteTask } from "../../core/tasks/task-lists.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { AllTasks } from "./all-tasks.ts";
import { type Client, Requests } from "./client.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";

/** A task that has ended is deleted this much later, at most: at once, while some still read it, or when others run. */
const latestMs = [100, 10_000] as const;

/** Deletes tasks that have ended, while others run: some that borrow from them, or are just being tried again. */
export class Maintenance {
  readonly #scheduler: Scheduler;
  readonly #state: MemoryState;
  readonly #allTasks: AllTasks;
  readonly #client: Client;
  readonly #requests: Requests;
  readonly #seenEnds = new Set<string>();

  constructor(parts: {
    readonly scheduler: Scheduler;
    readonly state: MemoryState;
    readonly allTasks: AllTasks;
    readonly journal: Journal;
    readonly fleet: Fleet;
    readonly client: Client;
  }) {
    this.#scheduler = parts.scheduler;
    this.#state = parts.state;
    this.#allTasks = parts.allTasks;
    this.#client = parts.client;
    this.#requests = new Requests(parts);
  }

  get isDone(): boolean {
    return this.#requests.areAnswered;
  }

  /** What has ended since the last look may be deleted some time from now. */
  ask(): void {
    const { random } = this.#scheduler;
    for (const id of this.#client.taskIds) {
      if (this.#seenEnds.has(id) || !this.#allTasks.hasEnded(id)) continue;
      this.#seenEnds.add(id);
      if (!random.chance(0.6)) continue;
      const delayMs = random.int(random.pick(latestMs));
      this.#scheduler.after(delayMs, undefined, () => this.#deleteSome(id));
    }
    this.#requests.ask();
  }

  /** Whatever has ended. */
  cleanUp(): void {
    this.#scheduler.tell(() => "CLEAN UP");
    this.#requests.add({
      send: async (process) => {
        await cleanUp(process.readerParts, { endedForSec: 0 });
      },
    });
  }

  /** What is there of tasks when all have ended and are deleted. */
  get leftovers(): string[] {
    const { tasks, idsByIdempotencyKey, ended, borrowers, leased } = this.#state;
    const kept = { tasks, idsByIdempotencyKey, ended, borrowers, leased };
    return Object.entries(kept).flatMap(([name, { size }]) => (size === 0 ? [] : [`${size} of ${name}`]));
  }

  #deleteSome(id: string): void {
    // Its key would make another task, were it asked for again.
    if (!this.#client.knowsItsTasks) return;
    if (this.#scheduler.random.chance(0.3)) this.cleanUp();
    else this.#delete(id);
  }

  #delete(id: string): void {
    this.#scheduler.tell(() => `DELETE ${id}`);
    this.#requests.add({
      send: (process) => deleteTask(process.readerParts, id),
      // Asked for again after an answer that was lost; or a task that is tried again needs it. The store was checked.
      answers: ["TASK_UNKNOWN", "TASK_BORROWED"],
    });
  }
}
