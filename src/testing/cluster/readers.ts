import type { MemoryState } from "../../adapters/memory/index.ts";
import type { TaskEntry } from "../../adapters/memory/memory-state.ts";
import type { UntypedFlow } from "../../core/tasks/api.ts";
import { taskHandle } from "../../core/tasks/task-handle.ts";
import { FlowError } from "../../errors/index.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { AllTasks } from "./archive.ts";
import type { Client } from "./client.ts";
import { spoil } from "./computation.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { SimProcess } from "./process.ts";
import { checkArtifacts, checkEvents, checkResult, type ReadOutcome } from "./reading-checks.ts";
import { stackOf } from "./trace-lines.ts";

export interface ReaderParts {
  readonly scheduler: Scheduler;
  readonly state: MemoryState;
  readonly allTasks: AllTasks;
  readonly journal: Journal;
  readonly fleet: Fleet;
  readonly client: Client;
}

/** One read of a task, from start to end, which yields items or an error. */
interface Reading {
  readonly taskId: string;
  readonly read: (process: SimProcess) => Promise<void>;
  sentTo: SimProcess | undefined;
  done: boolean;
}

/** Clients that follow running tasks: their results, events and artifacts. */
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
    return open.map(({ taskId, sentTo }) => `${taskId} at ${sentTo?.life.name}`).join(", ");
  }

  /** Starts new reads, and restarts those whose process has crashed. */
  startOpen(): void {
    const { client, fleet, scheduler } = this.#parts;
    for (const id of client.taskIds) if (!this.#followed.has(id)) this.#follow(id);
    for (const reading of this.#readings) {
      if (reading.done || reading.sentTo?.life.alive) continue;
      const { coordinators } = fleet;
      if (coordinators.length === 0) return;
      reading.sentTo = scheduler.random.pick(coordinators);
      this.#begin(reading, reading.sentTo);
    }
  }

  #follow(taskId: string): void {
    this.#followed.add(taskId);
    const { scheduler, allTasks, journal } = this.#parts;
    const kept = { allTasks, archive: journal.archive };
    const nodes = allTasks.tasks.get(taskId)?.record.graph.nodes ?? [];
    const nodeId = scheduler.random.pick(nodes).node_id;
    const read = (run: Reading["read"]) => this.#readings.push({ taskId, read: run, sentTo: undefined, done: false });
    read(async (process) => {
      const got = await settled(handleOf(process, taskId).result());
      this.#check(taskId, got, (task) => checkResult(kept, task, got));
    });
    read(async (process) => {
      const got = await collected(handleOf(process, taskId).events({ sampleMs: 100 }));
      this.#check(taskId, got, (task) => checkEvents(task, got));
    });
    read(async (process) => {
      const got = await collected(handleOf(process, taskId).artifacts(nodeId));
      this.#check(taskId, got, (task) => checkArtifacts(kept, task, { nodeId, got }));
    });
  }

  #begin(reading: Reading, process: SimProcess): void {
    const elsewhere = (error: unknown): void => {
      reading.sentTo = undefined;
      if (FlowError.is(error, "STORE_UNAVAILABLE") || FlowError.is(error, "ENGINE_STOPPED")) return;
      this.#parts.journal.violated(`a reader failed: ${stackOf(error)}`);
    };
    reading.read(process).then(() => {
      reading.done = true;
    }, elsewhere);
  }

  #check(taskId: string, { items, error }: ReadOutcome<unknown>, check: (task: TaskEntry) => string[]): void {
    const { allTasks } = this.#parts;
    // A reader of a deleted task may fail; otherwise it must receive everything.
    if (allTasks.isDeleted(taskId) && deletedCodes.has(error?.code ?? "")) return;
    const task = allTasks.tasks.get(taskId);
    const wrong = task === undefined ? ["it is missing"] : check(task);
    for (const what of wrong) this.#parts.journal.violated(`reading task ${taskId}: ${what}`);
    spoil(items);
  }
}

const deletedCodes: ReadonlySet<string> = new Set(["TASK_UNKNOWN", "ARTIFACTS_DROPPED"]);
const taskErrorCodes = new Set([
  "TASK_FAILED",
  "TASK_CANCELLED",
  "TASK_UNKNOWN",
  "ARTIFACTS_RESTARTED",
  "ARTIFACTS_DROPPED",
]);

async function settled<T>(promise: Promise<T>): Promise<ReadOutcome<T>> {
  try {
    return { items: [await promise] };
  } catch (error) {
    if (FlowError.is(error) && taskErrorCodes.has(error.code)) return { items: [], error };
    throw error;
  }
}

async function collected<T>(source: AsyncIterable<T>): Promise<ReadOutcome<T>> {
  const items: T[] = [];
  try {
    for await (const item of source) items.push(item);
    return { items };
  } catch (error) {
    if (FlowError.is(error) && taskErrorCodes.has(error.code)) return { items, error };
    throw error;
  }
}

function handleOf(process: SimProcess, taskId: string) {
  const unknown = async () => "unknown" as const; // readers change nothing
  const changes = { cancel: unknown, signal: unknown, pause: unknown };
  return taskHandle<UntypedFlow>({ ...process.readerParts, finalizing: new Set(), ...changes }, taskId);
}
