import type { FlowTypes } from "../definitions/index.ts";
import type {
  CleanupOptions,
  CleanupOutcome,
  ListOptions,
  RetryOptions,
  RunOptions,
  TaskHandle,
  UntypedFlow,
} from "../engine/api.ts";
import type { DeadLetter, TaskSummary } from "../engine/model.ts";
import type { Page } from "../engine/ports/index.ts";
import type { FlowArgument, RunOptionsOf } from "../engine/run-arguments.ts";

/** What can be done with tasks: by an engine, by a coordinator, and by a client. */
export interface TaskMethods<THandlers extends { readonly name: string } = { readonly name: string }> {
  /** Types only: the handlers that it knows, or the types of its workers, as a union. There is no value behind it. */
  readonly $infer: THandlers;
  /**
   * Starts a run of a flow, typed, or of a graph JSON. Resolves when the task is stored.
   *
   * @example
   * const task = await engine.run(etl, { params: { date: "2026-11-24" } })
   * await task.result() // { load: { rows: 1200 } }
   *
   * A handler that the engine lacks, and parameters that are missing, are errors of the compiler too.
   *
   * @throws FlowError `GRAPH_INVALID`, `PARAMS_INVALID`, `PARAMS_TOO_LARGE`, `TASK_EXISTS`,
   * `ENGINE_OPTIONS`, `ENGINE_NOT_STARTED`, `ENGINE_STOPPED`
   */
  // Generic over the receiver: else an engine that knows its handlers would not be an `Engine`.
  run<
    TEngine extends { readonly $infer: { readonly name: string } },
    TTypes extends FlowTypes = UntypedFlow,
    TGiven extends keyof RunOptions = never,
    TWritten extends keyof TTypes["params"] = never,
  >(
    this: TEngine,
    flow: FlowArgument<TTypes, TEngine["$infer"], TGiven>,
    options?: RunOptionsOf<TTypes, TGiven, TWritten>,
  ): Promise<TaskHandle<TTypes>>;
  /** A handle on a task that was started before, by this process or another on the same store. Untyped: an id knows no flow. */
  task(id: string): TaskHandle;
  /**
   * Tries a task again that failed or was cancelled: a new task with the same graph and parameters, which the old one
   * stays beside. Its finished nodes are adopted, with their artifacts and what they did to the variables, where all
   * that is upstream of them is adopted too; the others run.
   *
   * @example
   * const again = await engine.retry(task.id, { from: "failed" })
   * await again.result() // as if the first had finished
   *
   * @throws FlowError `TASK_UNKNOWN`, `TASK_OPEN` when it hasn't ended, `TASK_FINISHED` when there is nothing to try
   * again, `GRAPH_INVALID` when this engine can't run its graph, `ENGINE_OPTIONS`, `ENGINE_NOT_STARTED`,
   * `ENGINE_STOPPED`
   */
  retry(id: string, options: RetryOptions): Promise<TaskHandle>;
  /**
   * A page of the store's tasks, the newest first, without their graphs and parameters. `cursor` is there when more
   * follow.
   *
   * @example
   * const { items, cursor } = await engine.list({ status: ["failed", "cancelled"], limit: 20 })
   * items.map(({ id, name, failure }) => `${name} ${id}: ${failure?.reasonCode}`)
   *
   * @throws FlowError `ENGINE_OPTIONS`
   */
  list(options?: ListOptions): Promise<Page<TaskSummary>>;
  /**
   * Removes an ended task with its artifacts, variables and idempotency key.
   *
   * @throws FlowError `TASK_UNKNOWN`, `TASK_OPEN` when it hasn't ended, `TASK_BORROWED` when a retry uses its artifacts
   */
  delete(id: string): Promise<void>;
  /**
   * Removes the tasks that ended at least `endedForSec` ago. A store on disk keeps all tasks until it is told; the
   * memory store keeps its newest 1,000 by itself (`memoryStore({ keepFinishedTasks })`).
   *
   * @example
   * await engine.cleanup({ endedForSec: 7 * 86_400 }) // { deleted: 1203, borrowed: 0 }
   *
   * @throws FlowError `ENGINE_OPTIONS`
   */
  cleanup(options: CleanupOptions): Promise<CleanupOutcome>;
  /**
   * Messages that nobody could read or handle, the newest first: of all processes on the store. A bus of your own tells
   * of those that it gives up by its own means.
   *
   * @throws FlowError `ENGINE_OPTIONS`
   */
  deadLetters(options?: Omit<ListOptions, "status">): Promise<Page<DeadLetter>>;
}
