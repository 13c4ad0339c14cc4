import type { MemoryState } from "../../adapters/memory/index.ts";
import type { CoordinatorCore } from "../../core/coordinator/coordinator-core.ts";
import { isOutput, isTaskTerminal, type TaskStatus } from "../../core/model/records.ts";
import { FlowError, type Json } from "../../errors/index.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { AllTasks } from "./archive.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { SimProcess } from "./process.ts";
import { stackOf } from "./trace-lines.ts";
import type { TaskRequest } from "./workload.ts";

export interface ClientParts {
  readonly scheduler: Scheduler;
  readonly state: MemoryState;
  readonly allTasks: AllTasks;
  readonly journal: Journal;
  readonly fleet: Fleet;
  readonly tasks: readonly TaskRequest[];
  /** The outcomes after which it retries a task. */
  readonly retries: readonly TaskStatus[];
  /** Whether it sends some idempotency keys again, with the same input and with different input. */
  readonly reusesKeys: boolean;
  /** Whether it pauses and resumes some tasks. */
  readonly asks: boolean;
}

/** Including retries. */
const mostTasks = 5;
const reuseRate = 0.2;
/** Rate of retries that are cancelled soon after their request, so that their own retry continues what they carried. */
const retryCancelRate = 0.4;
const retryCancelMs = 500;

/** Creates the tasks, and sometimes cancels or retries one. */
export class Client {
  readonly #parts: ClientParts;
  readonly #requests: Requests;
  /** Task by idempotency key, by which repeated requests create one task only. */
  readonly #ids = new Map<string, string | undefined>();
  readonly #answered = new Set<string>();
  #openReuses = 0;
  readonly #seenEnds = new Set<string>();
  readonly #seen = new Set<string>();
  readonly #pausing = new Set<string>();
  readonly #retries: readonly TaskStatus[];
  #taskIds: readonly string[] = [];
  /** Tasks for which it requested a cancel. */
  readonly cancelRequested = new Set<string>();

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#requests = new Requests(parts);
    this.#retries = parts.retries;
    for (const [index, task] of parts.tasks.entries()) this.#create(`task-${index}`, task);
  }

  get allCreated(): boolean {
    return this.taskIds.length === this.#ids.size;
  }

  /** Includes deleted tasks. */
  get taskIds(): readonly string[] {
    const { state } = this.#parts;
    if (this.#taskIds.length === this.#ids.size) return this.#taskIds; // read at every step
    for (const [key, id] of this.#ids) if (id === undefined) this.#ids.set(key, state.idsByIdempotencyKey.get(key));
    this.#taskIds = [...this.#ids.values()].flatMap((id) => id ?? []);
    return this.#taskIds;
  }

  /** Whether every creation, and every reuse of its key, is answered, so that no request is repeated. */
  get allAnswered(): boolean {
    return this.#answered.size === this.#ids.size && this.#openReuses === 0;
  }

  /** Sends the requests that have no answer. */
  sendOpen(): void {
    for (const taskId of this.taskIds) {
      if (!this.#seen.has(taskId)) this.#plan(taskId);
      this.#seen.add(taskId);
      // A pause may take effect after the resume that followed it.
      const { status, paused } = this.#parts.state.tasks.get(taskId)?.record ?? {};
      if (status === "running" && paused && !this.#pausing.has(taskId)) this.#resume(taskId);
    }
    this.#requests.sendOpen();
  }

  /** Plans requests to a running task: signals for its waits, and pauses. */
  #plan(taskId: string): void {
    const { scheduler, state, asks } = this.#parts;
    const { random } = scheduler;
    const { nodes = [] } = state.tasks.get(taskId)?.record.graph ?? {};
    const later = (ask: () => void) =>
      void scheduler.after(random.int(random.pick([50, 1_500, 9_000])), undefined, ask);
    for (const { node_id: nodeId, io, timeout_sec: limit } of nodes) {
      if (io?.fn !== "wait.signal") continue;
      const signals = (limit === undefined ? 1 : random.int(2)) + (random.chance(0.3) ? 1 : 0);
      for (let n = 0; n < signals; n++) later(() => this.#signal(taskId, nodeId, { rows: [n] }));
    }
    if (asks && random.chance(0.3)) for (let n = 1 + random.int(2); n > 0; n--) later(() => this.#pause(taskId));
  }

  #signal(taskId: string, nodeId: string, payload: Json): void {
    const { scheduler, state, journal } = this.#parts;
    const ref = { taskId, nodeId, shard: 0 };
    scheduler.recordEvent(() => `SIGNAL ${nodeId} of ${taskId}: ${JSON.stringify(payload)}`);
    this.#requests.add({
      send: async ({ coordinator }) => {
        if (coordinator === undefined) return;
        journal.asked.sent(ref, payload);
        const isEarly = state.shard(ref) === undefined;
        const answer = await coordinator.signalTask(taskId, nodeId, payload);
        if (answer === "already") journal.counts.signalsAlready++;
        if (answer === "terminal") journal.counts.signalsLate++;
        if (answer !== "accepted") return;
        journal.counts.signalsAccepted++;
        if (isEarly) journal.counts.signalsEarly++;
        const other = journal.asked.accepted(ref, payload);
        if (other !== undefined)
          journal.violated(`${taskId}:${nodeId} accepted ${JSON.stringify(payload)} after ${other}`);
      },
    });
  }

  #pause(taskId: string): void {
    const { scheduler, journal } = this.#parts;
    if (this.#pausing.has(taskId)) return;
    this.#pausing.add(taskId);
    scheduler.recordEvent(() => `PAUSE ${taskId}`);
    this.#requests.add({
      send: async ({ coordinator }) => {
        const answer = await coordinator?.pauseTask(taskId, true);
        if (answer === "recorded" || answer === "already") journal.asked.paused(taskId, scheduler.now);
      },
      onAnswer: () => void scheduler.after(scheduler.random.int(4_000), undefined, () => this.#resume(taskId)),
    });
  }

  #resume(taskId: string): void {
    const { scheduler, journal } = this.#parts;
    this.#pausing.add(taskId);
    journal.asked.paused(taskId, undefined);
    scheduler.recordEvent(() => `RESUME ${taskId}`);
    this.#requests.add({
      send: async ({ coordinator }) => {
        await coordinator?.pauseTask(taskId, false);
      },
      onAnswer: () => this.#pausing.delete(taskId),
    });
  }

  /** Retries some of the tasks that did not finish, each at most once. */
  retrySome(): void {
    const { scheduler, state } = this.#parts;
    if (this.#retries.length === 0) return;
    for (const taskId of this.taskIds) {
      const { status } = state.tasks.get(taskId)?.record ?? {};
      if (status === undefined || this.#seenEnds.has(taskId)) continue;
      const isEnded = isTaskTerminal(status);
      if (!isEnded && !this.#retries.includes(status)) continue;
      this.#seenEnds.add(taskId);
      if (this.#ids.size >= mostTasks || scheduler.random.chance(0.2)) continue;
      const failed = isEnded ? this.#failedBatches(taskId) : undefined;
      if (failed !== undefined && scheduler.random.chance(0.6)) this.#retryBatches(taskId, failed);
      else if (this.#retries.includes(status)) {
        scheduler.recordEvent(() => `RETRY ${taskId}`);
        this.#retry(taskId);
      }
    }
  }

  #create(idempotencyKey: string, request: TaskRequest): void {
    const { random } = this.#parts.scheduler;
    this.#ids.set(idempotencyKey, undefined);
    this.#requests.add({
      send: async (process) => {
        await this.#sendTo(process, { ...request, idempotencyKey });
      },
      onAnswer: () => {
        this.#answered.add(idempotencyKey);
        if (this.#parts.reusesKeys && random.chance(reuseRate)) this.#reuseForOther(idempotencyKey, request);
      },
    });
    if (this.#parts.reusesKeys && random.chance(reuseRate)) this.#reuseForSame(idempotencyKey, request);
  }

  /** Sends it twice concurrently: both requests must return the same task. */
  #reuseForSame(idempotencyKey: string, request: TaskRequest): void {
    const { state, journal } = this.#parts;
    this.#openReuses++;
    let got: string | undefined;
    this.#requests.add({
      send: async (process) => {
        got = await this.#sendTo(process, { ...request, idempotencyKey });
      },
      onAnswer: () => {
        this.#openReuses--;
        journal.counts.keysRepeated++;
        const known = state.idsByIdempotencyKey.get(idempotencyKey);
        if (got !== known) journal.violated(`key '${idempotencyKey}' gave task ${got}, and is that of ${known}`);
      },
    });
  }

  #reuseForOther(idempotencyKey: string, request: TaskRequest): void {
    const { journal, scheduler } = this.#parts;
    const { params, graph } = request;
    const [first] = graph.nodes;
    const other = scheduler.random.chance(0.5)
      ? { params: { ...Object(params), other: true } }
      : { graph: { ...graph, nodes: [...graph.nodes, { ...first, node_id: "other" }] } };
    this.#openReuses++;
    this.#requests.add({
      send: async (process) => {
        await this.#sendTo(process, { ...request, ...other, idempotencyKey });
      },
      answers: ["TASK_EXISTS"],
      onAnswer: (code) => {
        this.#openReuses--;
        journal.counts.keysRefused++;
        if (code === undefined) journal.violated(`key '${idempotencyKey}' gave a task of different input`);
      },
    });
  }

  async #sendTo({ coordinator }: SimProcess, request: TaskRequest & { idempotencyKey: string }): Promise<string> {
    const { graph, ...given } = request;
    if (coordinator === undefined) throw new Error("asked a process that has no coordinator");
    const priority = this.#parts.scheduler.random.int(3);
    return (await coordinator.createTask({ ...given, graph: coordinator.checkGraph(graph), priority })).id;
  }

  /** A node of the task with failed batches. */
  #failedBatches(taskId: string): { readonly nodeId: string; readonly uids: readonly string[] } | undefined {
    const { state, journal, scheduler } = this.#parts;
    const nodes = [...(state.tasks.get(taskId)?.nodes ?? [])].flatMap(([nodeId, { shards }]) => {
      const artifacts = shards.flatMap((entry) => (entry === undefined ? [] : journal.archive.of(entry.record)));
      const uids = artifacts.filter((artifact) => !isOutput(artifact)).map(({ uid }) => uid);
      return uids.length === 0 ? [] : [{ nodeId, uids }];
    });
    return nodes.length === 0 ? undefined : scheduler.random.pick(nodes);
  }

  /** Retries some of the batches, or all. */
  #retryBatches(taskId: string, { nodeId, uids }: { readonly nodeId: string; readonly uids: readonly string[] }): void {
    const { random } = this.#parts.scheduler;
    const some = random.chance(0.5) ? { uids: random.shuffled(uids).slice(0, 1 + random.int(uids.length)) } : {};
    this.#parts.scheduler.recordEvent(() => `RETRY ${nodeId} of ${taskId}: ${some.uids?.join() ?? "all"}`);
    this.#retryBy(taskId, (coordinator, settings) =>
      coordinator.retryBatches(taskId, nodeId, { ...some, ...settings }),
    );
  }

  #retry(taskId: string): void {
    this.#retryBy(taskId, (coordinator, settings) => coordinator.retryTask(taskId, settings));
  }

  #retryBy(
    taskId: string,
    send: (coordinator: CoordinatorCore, settings: { readonly idempotencyKey: string }) => Promise<unknown>,
  ): void {
    const { scheduler, state, allTasks, journal } = this.#parts;
    const idempotencyKey = `retry of ${taskId}`;
    this.#ids.set(idempotencyKey, undefined);
    this.#requests.add({
      send: async ({ coordinator }) => {
        if (coordinator !== undefined) await send(coordinator, { idempotencyKey });
      },
      answers: ["TASK_UNKNOWN", "ARTIFACTS_DROPPED"],
      onAnswer: (code) => {
        if (code === "TASK_UNKNOWN" && !allTasks.isDeleted(taskId)) journal.violated(`retrying ${taskId}: ${code}`);
        // A request whose answer was lost may have created the retry before the original task was deleted.
        const id = state.idsByIdempotencyKey.get(idempotencyKey);
        if (code === undefined || id !== undefined) {
          this.#answered.add(idempotencyKey);
          if (id !== undefined && scheduler.random.chance(retryCancelRate)) {
            scheduler.after(scheduler.random.int(retryCancelMs), undefined, () => this.#cancel(id));
          }
        } else {
          this.#ids.delete(idempotencyKey);
          allTasks.refuse(idempotencyKey);
        }
      },
    });
  }

  cancelOne(): void {
    const { scheduler } = this.#parts;
    if (this.taskIds.length === 0) return;
    this.#cancel(scheduler.random.pick(this.taskIds));
  }

  #cancel(taskId: string): void {
    const { scheduler } = this.#parts;
    this.cancelRequested.add(taskId);
    scheduler.recordEvent(() => `CANCEL ${taskId}`);
    this.#requests.add({
      send: async ({ coordinator }) => {
        await coordinator?.cancelTask(taskId, "asked");
      },
    });
    // A second cancel, so that handlers of outcomes are cancelled too.
    if (scheduler.random.chance(0.2)) scheduler.after(scheduler.random.int(200), undefined, () => this.#cancel(taskId));
  }
}

/** A request to any coordinator; sent to another one if that one crashes or rejects it. */
export interface Request {
  readonly send: (coordinator: SimProcess) => Promise<void>;
  /** Error codes that count as an answer. */
  readonly answers?: readonly string[];
  readonly onAnswer?: (code: string | undefined) => void;
}

interface OpenRequest extends Request {
  sentTo: SimProcess | undefined;
}

/** Requests to the coordinators that have no answer yet. */
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
    this.#open.add({ ...request, sentTo: undefined });
  }

  /** Sends the requests that no running coordinator is working on. */
  sendOpen(): void {
    for (const request of this.#open) this.#ask(request);
  }

  #ask(request: OpenRequest): void {
    const { fleet, scheduler, journal } = this.#parts;
    if (request.sentTo?.life.alive && !request.sentTo.stopped) return;
    const { coordinators } = fleet;
    if (coordinators.length === 0) return;
    const coordinator = scheduler.random.pick(coordinators);
    request.sentTo = coordinator;
    const answered = (code?: string): void => {
      if (this.#open.delete(request)) request.onAnswer?.(code);
    };
    request.send(coordinator).then(
      () => answered(),
      (error: unknown) => {
        if (FlowError.is(error) && request.answers?.includes(error.code)) return answered(error.code);
        request.sentTo = undefined;
        if (FlowError.is(error, "STORE_UNAVAILABLE") || FlowError.is(error, "ENGINE_STOPPED")) return;
        journal.violated(`a request failed: ${stackOf(error)}`);
      },
    );
  }
}
