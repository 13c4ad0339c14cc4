import type { MemoryState } from "../../adapters/memory/index.ts";
import type { TaskStatus } from "../../engine/model.ts";
import type { Scheduler } from "../gate/scheduler.ts";
import { times } from "../world/process.ts";
import type { SimulationMode } from "../world/rates.ts";

/** A deadline is found by the next tick at the latest; clocks differ a little. */
const latestMs = times.tickMs * 1.1;

/** A task fails by its deadline when that has passed, and not before; without faults, hardly later. */
export class DeadlineCheck {
  readonly #state: MemoryState;
  readonly #scheduler: Scheduler;
  readonly #mode: SimulationMode;
  readonly #violated: (taskId: string, what: string) => void;

  constructor(
    parts: { readonly state: MemoryState; readonly scheduler: Scheduler; readonly mode: SimulationMode },
    violated: (taskId: string, what: string) => void,
  ) {
    this.#state = parts.state;
    this.#scheduler = parts.scheduler;
    this.#mode = parts.mode;
    this.#violated = violated;
  }

  /** At each move of the task: how long past its deadline it was still running. */
  task(taskId: string, from: TaskStatus | "absent", to: TaskStatus): void {
    const task = this.#state.tasks.get(taskId)?.record;
    if (from !== "running" || task === undefined) return;
    const lateMs = this.#scheduler.now - (task.deadlineAt ?? Number.POSITIVE_INFINITY);
    const failedByIt = to === "cancelling" && task.failure?.reasonCode === "deadline_exceeded";
    if (failedByIt && lateMs < 0) this.#violated(taskId, `failed ${-lateMs} ms before its deadline`);
    if (this.#mode === "calm" && lateMs > latestMs)
      this.#violated(taskId, `ran on for ${lateMs} ms after its deadline`);
  }
}
