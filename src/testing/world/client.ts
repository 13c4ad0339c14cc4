import type { MemoryState } from "../../adapters/memory/index.ts";
import type { TaskStatus } from "../../engine/model.ts";
import { FlowError } from "../../errors/index.ts";
import type { Scheduler } from "../gate/scheduler.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { SimProcess } from "./process.ts";
import type { TaskRequest } from "./workload.ts";

export interface ClientParts {
  readonly scheduler: Scheduler;
  readonly state: MemoryState;
  readonly journal: Journal;
  readonly fleet: Fleet;
  readonly tasks: readonly TaskRequest[];
  /** The ends of which it tries a task again. */
  readonly retries: readonly TaskStatus[];
}

/** Retries included. */
const mostTasks = 5;

/** A request to some coordinator: asked again, of another, when that one has died or refused. */
interface Request {
  readonly send: (coordinator: SimProcess) => Promise<void>;
  askedOf: SimProcess | undefined;
  done: boolean;
}

/** Who wants the tasks: creates them, and sometimes cancels one. */
export class Client {
  readonly #parts: ClientParts;
  readonly #creates: Request[];
  /** What each of these requests asks for once, however often it is sent. */
  readonly #keys: string[];
  readonly #seenEnds = new Set<string>();
  readonly #retries: readonly TaskStatus[];
  #cancel: Request | undefined;
  #taskIds: readonly string[] = [];
  /** Tasks that it asked to cancel. */
  readonly asked = new Set<string>();

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#keys = parts.tasks.map((_, index) => `task-${index}`);
    this.#retries = parts.retries;
    this.#creates = parts.tasks.map(({ graph, ...request }, index) => ({
      askedOf: undefined,
      done: false,
      send: async ({ coordinator }) => {
        const { random } = parts.scheduler;
        if (coordinator === undefined) return;
        const drawn = { priority: random.int(3), idempotencyKey: this.#keys[index] };
        await coordinator.createTask({ ...request, graph: coordinator.checkGraph(graph), ...drawn });
      },
    }));
  }

  get allCreated(): boolean {
    return this.taskIds.length === this.#keys.length;
  }

  get taskIds(): readonly string[] {
    const { state } = this.#parts;
    if (this.#taskIds.length === this.#keys.length) return this.#taskIds; // asked for at every step
    this.#taskIds = this.#keys.flatMap((key) => state.idsByIdempotencyKey.get(key) ?? []);
    return this.#taskIds;
  }

  /** Asks what has not been answered. */
  ask(): void {
    for (const request of this.#creates) this.#ask(request);
    if (this.#cancel !== undefined) this.#ask(this.#cancel);
  }

  /** Tries again some of what has not finished, each task once at most. */
  retrySome(): void {
    const { scheduler, state } = this.#parts;
    if (this.#retries.length === 0) return;
    for (const taskId of this.taskIds) {
      const { status } = state.tasks.get(taskId)?.record ?? {};
      if (status === undefined || !this.#retries.includes(status) || this.#seenEnds.has(taskId)) continue;
      this.#seenEnds.add(taskId);
      if (this.#keys.length >= mostTasks || scheduler.random.chance(0.2)) continue;
      const idempotencyKey = `retry of ${taskId}`;
      scheduler.tell(() => `RETRY ${taskId}`);
      this.#keys.push(idempotencyKey);
      const send = async ({ coordinator }: SimProcess) => {
        await coordinator?.retryTask(taskId, { idempotencyKey });
      };
      this.#creates.push({ send, askedOf: undefined, done: false });
    }
  }

  cancelOne(): void {
    const { scheduler } = this.#parts;
    if (this.taskIds.length === 0) return;
    const taskId = scheduler.random.pick(this.taskIds);
    this.asked.add(taskId);
    scheduler.tell(() => `CANCEL ${taskId}`);
    const send = async ({ coordinator }: SimProcess) => {
      await coordinator?.cancelTask(taskId, "asked");
    };
    this.#cancel = { send, askedOf: undefined, done: false };
  }

  #ask(request: Request): void {
    const { fleet, scheduler, journal } = this.#parts;
    if (request.done || (request.askedOf?.life.alive && !request.askedOf.stopped)) return;
    const { coordinators } = fleet;
    if (coordinators.length === 0) return;
    const coordinator = scheduler.random.pick(coordinators);
    request.askedOf = coordinator;
    request.send(coordinator).then(
      () => {
        request.done = true;
      },
      (error: unknown) => {
        request.askedOf = undefined;
        if (FlowError.is(error, "STORE_UNAVAILABLE") || FlowError.is(error, "ENGINE_STOPPED")) return;
        journal.violated(`a request failed: ${error instanceof Error ? error.stack : String(error)}`);
      },
    );
  }
}
