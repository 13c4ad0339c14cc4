import type { MemoryState } from "../../adapters/memory/index.ts";
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
}

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
  #cancel: Request | undefined;
  #taskIds: readonly string[] = [];
  /** Tasks that it asked to cancel. */
  readonly asked = new Set<string>();

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#creates = parts.tasks.map(({ graph, ...request }, index) => ({
      askedOf: undefined,
      done: false,
      send: async ({ coordinator }) => {
        const { random } = parts.scheduler;
        if (coordinator === undefined) return;
        const drawn = { priority: random.int(3), idempotencyKey: keyOf(index) };
        await coordinator.createTask({ ...request, graph: coordinator.checkGraph(graph), ...drawn });
      },
    }));
  }

  get allCreated(): boolean {
    return this.taskIds.length === this.#parts.tasks.length;
  }

  get taskIds(): readonly string[] {
    const { state, tasks } = this.#parts;
    if (this.#taskIds.length === tasks.length) return this.#taskIds; // asked for at every step
    this.#taskIds = tasks.flatMap((_, index) => state.idsByIdempotencyKey.get(keyOf(index)) ?? []);
    return this.#taskIds;
  }

  /** Asks what has not been answered. */
  ask(): void {
    for (const request of this.#creates) this.#ask(request);
    if (this.#cancel !== undefined) this.#ask(this.#cancel);
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

const keyOf = (index: number): string => `task-${index}`;
