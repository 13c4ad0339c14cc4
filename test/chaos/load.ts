import { isClosed, type TaskRecord } from "../../src/core/model/records.ts";
import type { Client } from "../../src/engine/client.ts";
import { FlowError } from "../../src/errors/index.ts";
import type { Families } from "../../src/testing/checks/child-checks.ts";
import { choiceOf, isSettledFailure } from "../../src/testing/checks/reference.ts";
import { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import { type AskedNode, Asks } from "./asks.ts";
import type { Calls } from "./calls.ts";
import { chaosGraph } from "./chaos-graph.ts";
import { ChaosSchedules, runOf } from "./chaos-schedules.ts";
import { checkTask } from "./checks/task-checks.ts";
import { type Evidence, type Seen, shardsOf, type TaskEvidence } from "./evidence.ts";
import { machineMs } from "./journal.ts";
import { shared } from "./process-spec.ts";
import { retryUntil } from "./retry-until.ts";
import { Sampler } from "./sampler.ts";

const cancelled = 0.08;
const mostCancelAfterMs = 4_000;
const cancelledAgain = 0.4;
const mostAgainMs = 1_500;
/** By then, late writes to an ended task have arrived. */
const settleMs = shared.leaseMs;
/** Share of tasks that are deleted as soon as they end, while late writes may arrive. */
const hasty = 0.2;
/** The parameters of every task, as in the simulation. */
const params = { limits: { rows: 10 }, tags: ["a"] };
/** Share of tasks that start later than they are created. */
const later = 0.1;
const mostLaterMs = 3_000;
/** Share of failed and cancelled tasks that are retried. */
const retried = 0.7;
/** Checked and deleted immediately. */
const mostAtOnce = 8;

interface OpenTask {
  readonly id: string;
  readonly nodes: readonly AskedNode[];
  cancelAt: number;
  readonly settleMs: number;
  readonly retries: boolean;
  isCancelled: boolean;
  /** When it was first seen as ended, by the machine's clock. */
  endedAt: number | undefined;
}

/** All tasks that have been checked. */
class CheckedFamilies implements Families {
  readonly tasks = new Map<string, { readonly record: TaskRecord }>();
  readonly #children = new Map<string, { readonly record: TaskRecord }[]>();

  add(record: TaskRecord): void {
    this.tasks.set(record.id, { record });
    const { id, parent } = record;
    if (parent === undefined) return;
    const others = this.childrenOf(parent.taskId).filter((other) => other.record.id !== id);
    this.#children.set(parent.taskId, [...others, { record }]);
  }

  childrenOf(taskId: string): readonly { readonly record: TaskRecord }[] {
    return this.#children.get(taskId) ?? [];
  }
}

export interface LoadOptions {
  readonly client: Client;
  readonly evidence: Evidence;
  readonly calls: Calls;
  /** Reads new journal entries. */
  readonly readCalls: () => void;
  readonly random: SeededRandom;
  readonly tasks: number;
  /** Maximum number of concurrent ones. */
  readonly open: number;
  readonly onBroken: (wrong: readonly string[], evidence: TaskEvidence) => void;
}

/** The tasks of a run: creates them, cancels some, checks each ended one, retries some, and deletes all. */
export class Load {
  readonly counts = {
    ...{
      created: 0,
      finished: 0,
      failed: 0,
      cancelled: 0,
      again: 0,
      adopted: 0,
      carried: 0,
      nodes: 0,
      external: 0,
      aside: 0,
    },
    ...{ batches: 0, lost: 0, retried: 0, restarted: 0 },
    ...{ skipped: 0, tolerated: 0, handled: 0, outcomes: 0, chosen: 0, leftOut: 0, delayed: 0, later: 0, early: 0 },
    ...{ cancelledAll: 0, children: 0, childrenAgain: 0, nested: 0, settled: 0 },
  };
  readonly asks: Asks;
  readonly schedules: ChaosSchedules;
  readonly sampler = new Sampler();
  /** End of each checked and deleted task by the server's clock, in ms since 1970. */
  readonly endedAt = new Map<string, number>();
  /** Running limit of shards by `task:node`. */
  readonly nodeLimits = new Map<string, number>();
  readonly #options: LoadOptions;
  /** Separate, because retries depend on real time while graphs depend on the seed. */
  readonly #randomAgain: SeededRandom;
  readonly #open = new Map<string, OpenTask>();
  #created = 0;
  readonly #families = new CheckedFamilies();
  /** Checked tasks that are kept because others borrow from them. */
  readonly #lenders = new Set<string>();

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#randomAgain = new SeededRandom(options.random.int(1e9));
    this.schedules = new ChaosSchedules({
      client: options.client,
      random: new SeededRandom(options.random.int(1e9)),
    });
    this.asks = new Asks({ client: options.client, random: new SeededRandom(options.random.int(1e9)) });
  }

  get open(): readonly string[] {
    return [...this.#open.values()].filter(({ endedAt }) => endedAt === undefined).map(({ id }) => id);
  }

  get isEmpty(): boolean {
    return this.#open.size + this.#lenders.size === 0;
  }

  get isComplete(): boolean {
    return this.#created >= this.#options.tasks;
  }

  /** One round of pending work. */
  async turn(how: { readonly mayCreate: boolean }): Promise<void> {
    const { evidence, open, tasks } = this.#options;
    const free = how.mayCreate ? Math.min(open - this.open.length, tasks - this.#created) : 0;
    await Promise.all(Array.from({ length: Math.max(0, free) }, () => this.#create()));
    await this.asks.sendDue((id) => this.#open.has(id));
    const now = machineMs();
    const late = [...this.#open.values()].filter((task) => now >= task.cancelAt);
    await Promise.all(late.map((task) => this.#cancel(task)));
    if (how.mayCreate) await this.schedules.turn();
    const sample = await retryUntil(() => evidence.sample());
    const ended = this.sampler.take(sample, (id) => this.endedAt.has(id));
    await this.#adopt(sample);
    for (const task of this.#open.values()) {
      if (!ended.has(task.id) || task.endedAt !== undefined) continue;
      task.endedAt = machineMs();
      this.asks.ended(task.id, task.nodes);
    }
    const settled = [...this.#open.values()].filter(
      ({ id, endedAt, settleMs: ms }) =>
        endedAt !== undefined && machineMs() - endedAt >= ms && (ms === 0 || !this.sampler.hasOpenChild(id)),
    );
    this.#options.readCalls(); // handlers produced their batches earlier
    await Promise.all(settled.slice(0, mostAtOnce).map((task) => this.#check(task, how.mayCreate)));
    await Promise.all([...this.#lenders].map((id) => this.#delete(id)));
  }

  /** Takes over the tasks that schedules have created. */
  async #adopt(sample: readonly Seen[]): Promise<void> {
    const isNew = ({ taskId, id, key }: Seen) =>
      id === `task ${taskId}` && runOf(key) !== undefined && !this.#open.has(taskId) && !this.endedAt.has(taskId);
    for (const { taskId } of sample.filter(isNew)) {
      const task = await retryUntil(() => this.#options.evidence.ofTask(taskId));
      this.counts.created++;
      this.#add(taskId, task.task.graph.nodes, draw(this.#randomAgain));
    }
  }

  async #create(): Promise<void> {
    const { client, random } = this.#options;
    const graph = chaosGraph(random);
    const { nodes } = graph;
    const idempotencyKey = `chaos ${this.#created++}`;
    this.counts.created++;
    const priority = random.int(3);
    const task = draw(random);
    const notBefore = random.chance(later) ? { notBefore: Date.now() + random.int(mostLaterMs) } : {};
    const options = { idempotencyKey, priority, params, ...notBefore };
    const { id } = await retryUntil(() => client.run(graph, options));
    this.#add(id, nodes, task);
  }

  #add(id: string, nodes: readonly AskedNode[], task: Omit<OpenTask, "id" | "nodes">): void {
    this.#open.set(id, { id, nodes, ...task });
    this.asks.plan(id, nodes);
    for (const { node_id, type, limits } of nodes) {
      this.counts.nodes++;
      if (shared.externalTypes.some((name) => name === type)) this.counts.external++;
      const max = (limits as { readonly max_running?: number } | undefined)?.max_running;
      if (max !== undefined) this.nodeLimits.set(`${id}:${node_id}`, max);
    }
  }

  async #cancel(task: OpenTask): Promise<void> {
    if (task.endedAt !== undefined) return;
    // Again, so that handlers of outcomes are cancelled too.
    const isAgain = !task.isCancelled && this.#randomAgain.chance(cancelledAgain);
    task.cancelAt = isAgain ? machineMs() + this.#randomAgain.int(mostAgainMs) : Number.POSITIVE_INFINITY;
    task.isCancelled = true;
    await retryUntil(() => this.#options.client.task(task.id).cancel({ reason: "chaos" }));
  }

  async #check(task: OpenTask, mayRetry: boolean): Promise<void> {
    const { evidence, calls, client, onBroken } = this.#options;
    const found = await retryUntil(() => evidence.ofTask(task.id));
    const { status, graph } = found.task;
    const children = await retryUntil(() => evidence.ofChildren(task.id));
    // Child tasks of an earlier task may have been open when it was checked.
    const earlier = graph.flows === undefined ? [] : (found.task.borrowsFrom ?? []);
    const known = await Promise.all(earlier.map((id) => retryUntil(() => evidence.ofChildren(id))));
    for (const each of [found, ...children, ...known.flat()]) this.#families.add(each.task);
    const by = {
      calls,
      asked: this.asks,
      families: this.#families,
      wasCancelled: task.isCancelled || runOf(found.task.idempotencyKey)?.overlap === "replace",
    };
    for (const each of [found, ...children]) {
      const wrong = checkTask(each, by);
      if (wrong.length > 0) onBroken(wrong, each);
      this.#count(each);
      this.schedules.ran(each.task);
      this.endedAt.set(each.task.id, each.task.endedAt ?? 0);
    }
    if (status === "finished" || status === "failed" || status === "cancelled") this.counts[status]++;
    if (mayRetry && task.retries && status !== "finished") {
      this.counts.again++;
      const again = await retryUntil(() =>
        client.retry(task.id, { from: "failed", idempotencyKey: `again ${task.id}` }),
      );
      this.#add(again.id, graph.nodes, draw(this.#randomAgain));
    }
    for (const each of [found, ...children]) calls.letGo(each.task.id);
    this.#lenders.add(task.id);
    this.#open.delete(task.id);
  }

  #count(found: TaskEvidence): void {
    this.counts.batches += found.rows.filter(({ isMarker, isAdopted }) => !isMarker && !isAdopted).length;
    for (const { lost, failures, failedBatches = 0, generation, artifactsOf, carried } of found.shards) {
      if (artifactsOf !== undefined) {
        this.counts.adopted++;
        continue;
      }
      this.counts.carried += carried?.length ?? 0;
      this.counts.aside += failedBatches;
      this.counts.lost += lost;
      this.counts.retried += failures;
      this.counts.restarted += generation;
    }
    const { task } = found;
    const { counts } = this;
    if (task.cancelsAll) counts.cancelledAll++;
    if (task.parent !== undefined) counts.children++;
    if (task.parent !== undefined && task.retryOf !== undefined) counts.childrenAgain++;
    if (this.#families.tasks.get(task.parent?.taskId ?? "")?.record.parent !== undefined) counts.nested++;
    const finished = shardsOf(found);
    if (task.startsAt !== undefined) counts.later++;
    for (const node of task.graph.nodes) {
      const own = finished(node.node_id).filter(({ record }) => record.artifactsOf === undefined);
      const [first] = own;
      if (first === undefined) continue;
      const { status, history } = first.record;
      if (status === "skipped") counts.skipped++;
      if (own.some(({ record }) => record.status === "failed" && isClosed(record))) counts.tolerated++;
      if (node.delay_sec !== undefined && history.some(({ cause }) => cause === "claim")) counts.delayed++;
      const acceptedAt = this.asks.acceptedAt(task.id, node.node_id) ?? Number.POSITIVE_INFINITY;
      if (acceptedAt < (history[0]?.at ?? 0)) counts.early++;
      if (task.status === "finished") {
        const { taken, left } = choiceOf(node, finished);
        counts.chosen += taken;
        counts.leftOut += left;
      }
      counts.settled += own
        .flatMap(({ artifacts }) => artifacts)
        .filter(({ meta }) => isSettledFailure(node, meta)).length;
      if (node.io?.start_when !== "ended" || status !== "finished") continue;
      if (task.status !== "finished") counts.handled++;
      counts.outcomes += own.flatMap(({ artifacts }) => artifacts).length;
    }
  }

  async #delete(id: string): Promise<void> {
    try {
      await retryUntil(() => this.#options.client.delete(id));
    } catch (error) {
      if (FlowError.is(error, "TASK_BORROWED")) return; // once its borrower is deleted
      if (!FlowError.is(error, "TASK_UNKNOWN")) throw error; // an answer was lost
    }
    this.#lenders.delete(id);
  }
}

const draw = (random: SeededRandom): Omit<OpenTask, "id" | "nodes"> => ({
  cancelAt: random.chance(cancelled) ? machineMs() + random.int(mostCancelAfterMs) : Number.POSITIVE_INFINITY,
  settleMs: random.chance(hasty) ? 0 : settleMs,
  retries: random.chance(retried),
  isCancelled: false,
  endedAt: undefined,
});
