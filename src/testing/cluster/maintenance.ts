import type { MemoryState } from "../../adapters/memory/index.ts";
import { cleanUp, deleteTask } from "../../core/tasks/task-lists.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { AllTasks } from "./archive.ts";
import { type Client, Requests } from "./client.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";

/** The longest delays before an ended task is deleted: soon, while clients still read it, or much later. */
const latestMs = [100, 10_000] as const;

/** Deletes ended tasks while others run, among them tasks that borrow from them or retry them. */
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

  /** Schedules the deletion of some of the tasks that have ended since the last call. */
  deleteEnded(): void {
    const { random } = this.#scheduler;
    for (const id of this.#client.taskIds) {
      if (this.#seenEnds.has(id) || !this.#allTasks.hasEnded(id)) continue;
      this.#seenEnds.add(id);
      if (!random.chance(0.6)) continue;
      const delayMs = random.int(random.pick(latestMs));
      this.#scheduler.after(delayMs, undefined, () => this.#deleteSome(id));
    }
    this.#requests.sendOpen();
  }

  /** Deletes all ended tasks. */
  cleanUp(): void {
    this.#scheduler.recordEvent(() => "CLEAN UP");
    this.#requests.add({
      send: async (process) => {
        await cleanUp(process.readerParts, { endedForSec: 0 });
      },
    });
  }

  /** What the store still contains once all tasks are deleted. */
  get leftovers(): string[] {
    const { tasks, idsByIdempotencyKey, ended, borrowers, leased } = this.#state;
    const kept = { tasks, idsByIdempotencyKey, ended, borrowers, leased };
    return Object.entries(kept).flatMap(([name, { size }]) => (size === 0 ? [] : [`${size} of ${name}`]));
  }

  #deleteSome(id: string): void {
    // A request that is sent again would create another task with the same key.
    if (!this.#client.allAnswered) return;
    if (this.#scheduler.random.chance(0.3)) this.cleanUp();
    else this.#delete(id);
  }

  #delete(id: string): void {
    this.#scheduler.recordEvent(() => `DELETE ${id}`);
    this.#requests.add({
      send: (process) => deleteTask(process.readerParts, id),
      // Sent again after a lost answer; or a retry borrows from it. The store's answer is checked elsewhere.
      answers: ["TASK_UNKNOWN", "TASK_BORROWED"],
    });
  }
}
