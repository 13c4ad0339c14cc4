import type { MemoryState } from "../../adapters/memory/index.ts";
import type { TaskStatus } from "../../core/model/records.ts";
import { FlowError } from "../../errors/index.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { AllTasks } from "./all-tasks.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { SimProcess } from "./process.ts";
import type { TaskRequest } from "./workload.ts";

export interface ClientParts {
  readonly scheduler: Scheduler;
  readonly state: MemoryState;
  readonly allTasks: AllTasks;
  readonly journal: Journal;
  readonly fleet: Fleet;
  readonly tasks: readonly TaskRequest[];
  /** The ends of which it tries a task again. */
  readonly retries: readonly TaskStatus[];
}

/** Retries included. */
const mostTasks = 5;

/** Who wants the tasks: creates them, and sometimes cancels one, or tries one again. */
export class Client {
  readonly #parts: ClientParts;
  readonly #requests: Requests;
  /** By what each request to create asks for once, however often it is sent: the task. */
  readonly #ids = new Map<string, string | undefined>();
  readonly #answered = new Set<string>();
  readonly #seenEnds = new Set<string>();
  readonly #retries: readonly TaskStatus[];
  #taskIds: readonly string[] = [];
  /** Tasks that it asked to cancel. */
  readonly asked = new Set<string>();

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#requests = new Requests(parts);
    this.#retries = parts.retries;
    for (const [index, { graph, ...request }] of parts.tasks.entries()) {
      const idempotencyKey = `task-${index}`;
      this.#ids.set(idempotencyKey, undefined);
      this.#requests.add({
        send: async ({ coordinator }) => {
          const drawn = { priority: parts.scheduler.random.int(3), idempotencyKey };
          await coordinator?.createTask({ ...request, graph: coordinator.checkGraph(graph), ...drawn });
        },
        onAnswer: () => this.#answered.add(idempotencyKey),
      });
    }
  }

  get allCreated(): boolean {
    return this.taskIds.length === this.#ids.size;
  }

  /** All that it has had, deleted ones too. */
  get taskIds(): readonly string[] {
    const { state } = this.#parts;
    if (this.#taskIds.length === this.#ids.size) return this.#taskIds; // asked for at every step
    for (const [key, id] of this.#ids) if (id === undefined) this.#ids.set(key, state.idsByIdempotencyKey.get(key));
    this.#taskIds = [...this.#ids.values()].flatMap((id) => id ?? []);
    return this.#taskIds;
  }

  /** Whether it was told that all of its tasks are there: it asks for none of them again. */
  get knowsItsTasks(): boolean {
    return this.#answered.size === this.#ids.size;
  }

  /** Asks what has not been answered. */
  ask(): void {
    this.#requests.ask();
  }

  /** Tries again some of what has not finished, each task once at most. */
  retrySome(): void {
    const { scheduler, state } = this.#parts;
    if (this.#retries.length === 0) return;
    for (const taskId of this.taskIds) {
      const { status } = state.tasks.get(taskId)?.record ?? {};
      if (status === undefined || !this.#retries.includes(status) || this.#seenEnds.has(taskId)) continue;
      this.#seenEnds.add(taskId);
      if (this.#ids.size >= mostTasks || scheduler.random.chance(0.2)) continue;
      scheduler.tell(() => `RETRY ${taskId}`);
      this.#retry(taskId);
    }
  }

  #retry(taskId: string): void {
    const { state, allTasks, journal } = this.#parts;
    const idempotencyKey = `retry of ${taskId}`;
    this.#ids.set(idempotencyKey, undefined);
    this.#requests.add({
      send: async ({ coordinator }) => {
        await coordinator?.retryTask(taskId, { idempotencyKey });
      },
      answers: ["TASK_UNKNOWN"],
      onAnswer: (code) => {
        if (code !== undefined && !allTasks.isDeleted(taskId)) journal.violated(`retrying ${taskId}: ${code}`);
        // One whose answer was lost may have made it all the same, before the other task was deleted.
        if (code === undefined || state.idsByIdempotencyKey.has(idempotencyKey)) this.#answered.add(idempotencyKey);
        else {
          this.#ids.delete(idempotencyKey);
          allTasks.refuse(idempotencyKey);
        }
      },
    });
  }

  cancelOne(): void {
    const { scheduler } = this.#parts;
    if (this.taskIds.length === 0) return;
    const taskId = scheduler.random.pick(this.taskIds);
    this.asked.add(taskId);
    scheduler.tell(() => `CANCEL ${taskId}`);
    this.#requests.add({
      send: async ({ coordinator }) => {
        await coordinator?.cancelTask(taskId, "asked");
      },
    });
  }
}

/** A request to some coordinator: asked again, of another, when that one has died or refused. */
export interface Request {
  readonly send: (coordinator: SimProcess) => Promise<void>;
  /** Codes of errors that are an answer too. */
  readonly answers?: readonly string[];
  readonly onAnswer?: (code: string | undefined) => void;
}

interface OpenRequest extends Request {
  askedOf: SimProcess | undefined;
}

/** What somebody outside has asked of the coordinators and has no answer to. */
export class Requests {
  readonly #parts: { readonly scheduler: Scheduler; readonly fleet: Fleet; readonly journal: Journal };
  readonly #open = new Set<OpenRequest>();

  constructor(parts: { readonly scheduler: Scheduler; readonly fleet: Fleet; readonly journal: Journal }) {
    this.#parts = parts;
  }

  get areAnswered(): boolean {
    return this.#open.size === 0;
  }

  add(request: Request): void {
    this.#open.add({ ...request, askedOf: undefined });
  }

  /** Asks what is asked of nobody who could still answer. */
  ask(): void {
    for (const request of this.#open) this.#ask(request);
  }

  #ask(request: OpenRequest): void {
    const { fleet, scheduler, journal } = this.#parts;
    if (request.askedOf?.life.alive && !request.askedOf.stopped) return;
    const { coordinators } = fleet;
    if (coordinators.length === 0) return;
    const coordinator = scheduler.random.pick(coordinators);
    request.askedOf = coordinator;
    const answered = (code?: string): void => {
      if (this.#open.delete(request)) request.onAnswer?.(code);
    };
    request.send(coordinator).then(
      () => answered(),
      (error: unknown) => {
        if (FlowError.is(error) && request.answers?.includes(error.code)) return answered(error.code);
        request.askedOf = undefined;
        if (FlowError.is(error, "STORE_UNAVAILABLE") || FlowError.is(error, "ENGINE_STOPPED")) return;
        journal.violated(`a request failed: ${error instanceof Error ? error.stack : String(error)}`);
      },
    );
  }
}
