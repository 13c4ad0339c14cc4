import type { Client } from "../../src/embedded/client.ts";
import { FlowError } from "../../src/errors/index.ts";
import type { SeededRandom } from "../../src/testing/gate/seeded-random.ts";
import { type DrawnNode, randomGraph } from "../../src/testing/world/random-graph.ts";
import type { Calls } from "./calls.ts";
import { checkTask } from "./checks/task-checks.ts";
import type { Evidence, TaskEvidence } from "./evidence.ts";
import { machineMs } from "./journal.ts";
import { shared } from "./part-spec.ts";
import { Sampler } from "./sampler.ts";

const maxNodes = 4;
const mostBatches = 6;
const cancelled = 0.08;
const mostCancelAfterMs = 4_000;
/** What still wants to write to a task when it has ended does so by then. */
const settleMs = shared.leaseMs;

interface OpenTask {
  readonly id: string;
  readonly cancelAt: number;
  isCancelled: boolean;
  /** By the machine's clock: when it was first seen to have ended. */
  endedAt: number | undefined;
}

export interface LoadOptions {
  readonly client: Client;
  readonly evidence: Evidence;
  readonly calls: Calls;
  readonly random: SeededRandom;
  readonly tasks: number;
  /** At most so many at once. */
  readonly open: number;
  readonly onBroken: (wrong: readonly string[], evidence: TaskEvidence) => void;
}

/** The tasks of a run: creates them, cancels some, and checks and deletes each when it has ended. */
export class Load {
  readonly counts = { created: 0, finished: 0, failed: 0, cancelled: 0, batches: 0, lost: 0, retried: 0, restarted: 0 };
  readonly sampler = new Sampler();
  /** When each task that was checked and deleted had ended by the server's clock, in ms since 1970. */
  readonly endedAt = new Map<string, number>();
  /** By `task:node`: how many shards may run at once. */
  readonly nodeLimits = new Map<string, number>();
  readonly #options: LoadOptions;
  readonly #open = new Map<string, OpenTask>();

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  get open(): readonly string[] {
    return [...this.#open.values()].filter(({ endedAt }) => endedAt === undefined).map(({ id }) => id);
  }

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  get isComplete(): boolean {
    return this.counts.created >= this.#options.tasks;
  }

  /** One round of all that is to be done now. */
  async turn(how: { readonly mayCreate: boolean }): Promise<void> {
    const { evidence, open, tasks } = this.#options;
    while (how.mayCreate && this.open.length < open && this.counts.created < tasks) await this.#create();
    const now = machineMs();
    for (const task of this.#open.values()) if (now >= task.cancelAt) await this.#cancel(task);
    const ended = this.sampler.take(await evidence.sample(), (id) => this.endedAt.has(id));
    for (const task of this.#open.values()) {
      if (!ended.has(task.id)) continue;
      task.endedAt ??= machineMs();
      if (machineMs() - task.endedAt >= settleMs) await this.#check(task);
    }
  }

  async #create(): Promise<void> {
    const { client, random } = this.#options;
    const { nodes } = randomGraph(random, maxNodes);
    const cancelAt = random.chance(cancelled) ? machineMs() + random.int(mostCancelAfterMs) : Number.POSITIVE_INFINITY;
    const idempotencyKey = `chaos ${this.counts.created++}`;
    const { id } = await client.run({ nodes: nodes.map(real) }, { idempotencyKey, priority: random.int(3) });
    this.#open.set(id, { id, cancelAt, isCancelled: false, endedAt: undefined });
    for (const { node_id, limits } of nodes) {
      const max = (limits as { readonly max_running?: number } | undefined)?.max_running;
      if (max !== undefined) this.nodeLimits.set(`${id}:${node_id}`, max);
    }
  }

  async #cancel(task: OpenTask): Promise<void> {
    if (task.isCancelled || task.endedAt !== undefined) return;
    task.isCancelled = true;
    await this.#options.client.task(task.id).cancel({ reason: "chaos" });
  }

  async #check(task: OpenTask): Promise<void> {
    const { evidence, calls, client, onBroken } = this.#options;
    const found = await evidence.ofTask(task.id);
    const wrong = checkTask(found, { calls, wasCancelled: task.isCancelled });
    if (wrong.length > 0) onBroken(wrong, found);
    const { status, endedAt = 0 } = found.task;
    if (status === "finished" || status === "failed" || status === "cancelled") this.counts[status]++;
    this.counts.batches += found.rows.filter(({ isMarker }) => !isMarker).length;
    for (const { lost, failures, generation } of found.shards) {
      this.counts.lost += lost;
      this.counts.retried += failures;
      this.counts.restarted += generation;
    }
    this.endedAt.set(task.id, endedAt);
    try {
      await client.delete(task.id);
    } catch (error) {
      if (!FlowError.is(error, "TASK_UNKNOWN")) throw error;
    }
    calls.letGo(task.id);
    this.#open.delete(task.id);
  }
}

/**
 * As a simulation draws it, for real time: a simulated second is nothing, and here a lease, a pause and a broker's start
 * have to fit into it; and each batch costs some milliseconds.
 */
function real(node: DrawnNode): DrawnNode {
  const { timeout_sec, io } = node as DrawnNode & {
    readonly timeout_sec?: number;
    readonly io?: { readonly input_inline?: { readonly batches?: number } };
  };
  const batches = io?.input_inline?.batches;
  return {
    ...node,
    ...(timeout_sec === undefined ? {} : { timeout_sec: timeout_sec * 4 }),
    ...(batches === undefined
      ? {}
      : { io: { ...io, input_inline: { ...io?.input_inline, batches: Math.min(batches, mostBatches) } } }),
  };
}
