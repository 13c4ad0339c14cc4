import { FlowError } from "../../errors/index.ts";
import type { Scheduler } from "../gate/scheduler.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { SimProcess } from "./process.ts";

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
