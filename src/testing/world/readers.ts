import type { MemoryState } from "../../adapters/memory/index.ts";
import type { UntypedFlow } from "../../engine/api.ts";
import { StoreRetry } from "../../engine/support/store-retry.ts";
import { taskHandle } from "../../engine/tasks/task-handle.ts";
import { FlowError } from "../../errors/index.ts";
import { checkArtifacts, checkEvents, checkResult, type Got } from "../checks/reading-checks.ts";
import type { Scheduler } from "../gate/scheduler.ts";
import type { Client } from "./client.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { SimProcess } from "./process.ts";

export interface ReaderParts {
  readonly scheduler: Scheduler;
  readonly state: MemoryState;
  readonly journal: Journal;
  readonly fleet: Fleet;
  readonly client: Client;
}

/** What one caller reads of a task, from the beginning to its end: what it got, or the error that it met. */
interface Reading {
  readonly taskId: string;
  readonly read: (process: SimProcess) => Promise<void>;
  askedOf: SimProcess | undefined;
  done: boolean;
}

/** Callers that follow tasks while they run: their results, events and artifacts. */
export class Readers {
  readonly #parts: ReaderParts;
  readonly #followed = new Set<string>();
  readonly #readings: Reading[] = [];

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  get done(): boolean {
    return this.#readings.every(({ done }) => done);
  }

  get open(): string {
    const open = this.#readings.filter(({ done }) => !done);
    return open.map(({ taskId, askedOf }) => `${taskId} at ${askedOf?.life.name}`).join(", ");
  }

  /** Begins what is not read yet, and again elsewhere what its process took with it. */
  ask(): void {
    const { client, fleet, scheduler } = this.#parts;
    for (const id of client.taskIds) if (!this.#followed.has(id)) this.#follow(id);
    for (const reading of this.#readings) {
      if (reading.done || reading.askedOf?.life.alive) continue;
      const { coordinators } = fleet;
      if (coordinators.length === 0) return;
      reading.askedOf = scheduler.random.pick(coordinators);
      this.#begin(reading, reading.askedOf);
    }
  }

  #follow(taskId: string): void {
    this.#followed.add(taskId);
    const { scheduler, state } = this.#parts;
    const nodes = state.tasks.get(taskId)?.record.graph.nodes ?? [];
    const nodeId = scheduler.random.pick(nodes).node_id;
    const read = (run: Reading["read"]) => this.#readings.push({ taskId, read: run, askedOf: undefined, done: false });
    read(async (process) => {
      const got = await settled(handleOf(process, taskId).result());
      this.#check(taskId, (task) => checkResult(state, task, got));
    });
    read(async (process) => {
      const got = await collected(handleOf(process, taskId).events({ sampleMs: 100 }));
      this.#check(taskId, (task) => checkEvents(task, got));
    });
    read(async (process) => {
      const got = await collected(handleOf(process, taskId).artifacts(nodeId));
      this.#check(taskId, (task) => checkArtifacts(state, task, { nodeId, got }));
    });
  }

  #begin(reading: Reading, process: SimProcess): void {
    const elsewhere = (error: unknown): void => {
      reading.askedOf = undefined;
      if (FlowError.is(error, "STORE_UNAVAILABLE") || FlowError.is(error, "ENGINE_STOPPED")) return;
      this.#parts.journal.violated(`a reader met ${error instanceof Error ? error.stack : String(error)}`);
    };
    reading.read(process).then(() => {
      reading.done = true;
    }, elsewhere);
  }

  #check(taskId: string, check: (task: NonNullable<ReturnType<MemoryState["tasks"]["get"]>>) => string[]): void {
    const task = this.#parts.state.tasks.get(taskId);
    const wrong = task === undefined ? ["it is gone"] : check(task);
    for (const what of wrong) this.#parts.journal.violated(`reading task ${taskId}: ${what}`);
  }
}

const ofTheTask = new Set(["TASK_FAILED", "TASK_CANCELLED", "ARTIFACTS_RESTARTED"]);

async function settled<T>(promise: Promise<T>): Promise<Got<T>> {
  try {
    return { items: [await promise] };
  } catch (error) {
    if (FlowError.is(error) && ofTheTask.has(error.code)) return { items: [], error };
    throw error;
  }
}

async function collected<T>(source: AsyncIterable<T>): Promise<Got<T>> {
  const items: T[] = [];
  try {
    for await (const item of source) items.push(item);
    return { items };
  } catch (error) {
    if (FlowError.is(error) && ofTheTask.has(error.code)) return { items, error };
    throw error;
  }
}

function handleOf(process: SimProcess, taskId: string) {
  const { coordinator, store, clock, plans } = process;
  if (coordinator === undefined) throw new Error(`${process.life.name} is no coordinator`);
  return taskHandle<UntypedFlow>(
    {
      store,
      clock,
      plans,
      retry: new StoreRetry(clock),
      changes: coordinator.changes,
      running: {},
      cancel: (id, reason) => coordinator.cancelTask(id, reason),
    },
    taskId,
  );
}
