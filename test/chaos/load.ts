import type { Client } from "../../src/engine/client.ts";
import { FlowError } from "../../src/errors/index.ts";
import { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import type { Calls } from "./calls.ts";
import { chaosGraph } from "./chaos-graph.ts";
import { checkTask } from "./checks/task-checks.ts";
import type { Evidence, TaskEvidence } from "./evidence.ts";
import { retryUntil } from "./insist.ts";
import { machineMs } from "./journal.ts";
import { shared } from "./part-spec.ts";
import { Sampler } from "./sampler.ts";

const cancelled = 0.08;
const mostCancelAfterMs = 4_000;
/** What still wants to write to a task when it has ended does so by then. */
const settleMs = shared.leaseMs;
/** Of the tasks: they are deleted as soon as they have ended, under whatever still wants to write to them. */
const hasty = 0.2;
/** Of the tasks that failed or were cancelled. */
const retried = 0.7;
/** Checked and deleted at once. */
const mostAtOnce = 8;

interface OpenTask {
  readonly id: string;
  readonly cancelAt: number;
  readonly settleMs: number;
  readonly retries: boolean;
  isCancelled: boolean;
  /** By the machine's clock: when it was first seen to have ended. */
  endedAt: number | undefined;
}

export interface LoadOptions {
  readonly client: Client;
  readonly evidence: Evidence;
  readonly calls: Calls;
  /** Takes from the journals what is new. */
  readonly readCalls: () => void;
  readonly random: SeededRandom;
  readonly tasks: number;
  /** At most so many at once. */
  readonly open: number;
  readonly onBroken: (wrong: readonly string[], evidence: TaskEvidence) => void;
}

/** The tasks of a run: creates them, cancels some, checks each when it has ended, tries some again, and deletes all. */
export class Load {
  readonly counts = {
    ...{ created: 0, finished: 0, failed: 0, cancelled: 0, again: 0, adopted: 0, nodes: 0, external: 0 },
    ...{ batches: 0, lost: 0, retried: 0, restarted: 0 },
  };
  readonly sampler = new Sampler();
  /** When each task that was checked and deleted had ended by the server's clock, in ms since 1970. */
  readonly endedAt = new Map<string, number>();
  /** By `task:node`: how many shards may run at once. */
  readonly nodeLimits = new Map<string, number>();
  readonly #options: LoadOptions;
  /** Of its own: when a task is tried again is up to real time, and the graphs are the seed's. */
  readonly #randomAgain: SeededRandom;
  readonly #open = new Map<string, OpenTask>();
  /** Checked, and kept for those that were made from them. */
  readonly #lenders = new Set<string>();

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#randomAgain = new SeededRandom(options.random.int(1e9));
  }

  get open(): readonly string[] {
    return [...this.#open.values()].filter(({ endedAt }) => endedAt === undefined).map(({ id }) => id);
  }

  get isEmpty(): boolean {
    return this.#open.size + this.#lenders.size === 0;
  }

  get isComplete(): boolean {
    return this.counts.created >= this.#options.tasks;
  }

  /** One round of all that is to be done now. */
  async turn(how: { readonly mayCreate: boolean }): Promise<void> {
    const { evidence, open, tasks } = this.#options;
    const room = how.mayCreate ? Math.min(open - this.open.length, tasks - this.counts.created) : 0;
    await Promise.all(Array.from({ length: Math.max(0, room) }, () => this.#create()));
    const now = machineMs();
    const late = [...this.#open.values()].filter((task) => now >= task.cancelAt);
    await Promise.all(late.map((task) => this.#cancel(task)));
    const ended = this.sampler.take(await retryUntil(() => evidence.sample()), (id) => this.endedAt.has(id));
    for (const task of this.#open.values()) if (ended.has(task.id)) task.endedAt ??= machineMs();
    const settled = [...this.#open.values()].filter(
      ({ endedAt, settleMs: ms }) => endedAt !== undefined && machineMs() - endedAt >= ms,
    );
    this.#options.readCalls(); // what these have stored, handlers have made before
    await Promise.all(settled.slice(0, mostAtOnce).map((task) => this.#check(task, how.mayCreate)));
    await Promise.all([...this.#lenders].map((id) => this.#delete(id)));
  }

  async #create(): Promise<void> {
    const { client, random } = this.#options;
    const { nodes } = chaosGraph(random);
    const idempotencyKey = `chaos ${this.counts.created++}`;
    const priority = random.int(3);
    const task = draw(random);
    const { id } = await retryUntil(() => client.run({ nodes }, { idempotencyKey, priority }));
    this.#add(id, nodes, task);
  }

  #add(
    id: string,
    nodes: readonly { readonly node_id: string; readonly type: string; readonly limits?: unknown }[],
    task: Omit<OpenTask, "id">,
  ): void {
    this.#open.set(id, { id, ...task });
    for (const { node_id, type, limits } of nodes) {
      this.counts.nodes++;
      if (shared.externalTypes.some((name) => name === type)) this.counts.external++;
      const max = (limits as { readonly max_running?: number } | undefined)?.max_running;
      if (max !== undefined) this.nodeLimits.set(`${id}:${node_id}`, max);
    }
  }

  async #cancel(task: OpenTask): Promise<void> {
    if (task.isCancelled || task.endedAt !== undefined) return;
    task.isCancelled = true;
    await retryUntil(() => this.#options.client.task(task.id).cancel({ reason: "chaos" }));
  }

  async #check(task: OpenTask, mayRetry: boolean): Promise<void> {
    const { evidence, calls, client, onBroken } = this.#options;
    const found = await retryUntil(() => evidence.ofTask(task.id));
    const wrong = checkTask(found, { calls, wasCancelled: task.isCancelled });
    if (wrong.length > 0) onBroken(wrong, found);
    const { status, endedAt = 0, graph } = found.task;
    if (status === "finished" || status === "failed" || status === "cancelled") this.counts[status]++;
    this.counts.batches += found.rows.filter(({ isMarker, isAdopted }) => !isMarker && !isAdopted).length;
    for (const { lost, failures, generation, artifactsOf } of found.shards) {
      if (artifactsOf !== undefined) {
        this.counts.adopted++;
        continue;
      }
      this.counts.lost += lost;
      this.counts.retried += failures;
      this.counts.restarted += generation;
    }
    this.endedAt.set(task.id, endedAt);
    if (mayRetry && task.retries && status !== "finished") {
      this.counts.again++;
      const again = await retryUntil(() =>
        client.retry(task.id, { from: "failed", idempotencyKey: `again ${task.id}` }),
      );
      this.#add(again.id, graph.nodes, draw(this.#randomAgain));
    }
    calls.letGo(task.id);
    this.#lenders.add(task.id);
    this.#open.delete(task.id);
  }

  async #delete(id: string): Promise<void> {
    try {
      await retryUntil(() => this.#options.client.delete(id));
    } catch (error) {
      if (FlowError.is(error, "TASK_BORROWED")) return; // when its borrower is gone
      if (!FlowError.is(error, "TASK_UNKNOWN")) throw error; // an answer got lost
    }
    this.#lenders.delete(id);
  }
}

const draw = (random: SeededRandom): Omit<OpenTask, "id"> => ({
  cancelAt: random.chance(cancelled) ? machineMs() + random.int(mostCancelAfterMs) : Number.POSITIVE_INFINITY,
  settleMs: random.chance(hasty) ? 0 : settleMs,
  retries: random.chance(retried),
  isCancelled: false,
  endedAt: undefined,
});
