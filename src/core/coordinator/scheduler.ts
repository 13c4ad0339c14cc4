import type { Logger } from "../../definitions/index.ts";
import { FlowError } from "../../errors/index.ts";
import { flowType } from "../../graph/index.ts";
import { cancelMessage, cancelTokenOf, type MessageTrace, messageKey, topics, traceOf } from "../messages/messages.ts";
import {
  type EpochRef,
  isShardTerminal,
  isTaskTerminal,
  type ShardRecord,
  type ShardRef,
  type TaskRecord,
} from "../model/records.ts";
import { isNodeFinished, type NodePlan, type Plan, type PlanCache, type Readiness } from "../plan/index.ts";
import type { Bus, Store } from "../ports/index.ts";
import { adoptFinished } from "./adoption.ts";
import { type CarriedShards, carriedShards, parentsFirst } from "./carrying.ts";
import { type KnownOpenTask, type OpenTask, OpenTasks, type OwedLook, StartLooks } from "./start-looks.ts";

/*
 * Decides what starts next, and when a task ends.
 *
 * Several coordinators may decide about one task at the same time, and messages may be lost. Why this is correct:
 * - A coordinator or worker that finishes a node first writes that, then evaluates its children with fresh reads of
 *   their other parents. If two parents finish concurrently, at least one evaluation sees both. Where this would read
 *   too much, one evaluation serves several events, slightly later.
 * - A dispatch is an insert: the second one loses.
 * - Each task is planned again as a whole from time to time (`replan`), which finds what a lost message would have
 *   reported.
 */

/** Types whose commands are sent elsewhere: external workers serve them. */
export interface ExternalCommands {
  readonly types: ReadonlySet<string>;
  /** An attempt of such a type is ready. */
  command(ref: EpochRef): Promise<void>;
}

export interface SchedulerOptions {
  readonly store: Store;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly plans: PlanCache;
  readonly cancelGraceMs: number;
  /** Called when the task changed or ended, for waiters in this process. */
  readonly onChange: (taskId: string, ended: boolean) => void;
  readonly external?: ExternalCommands | undefined;
  /** Called when it plans a task whose nodes run flows. */
  readonly onFlows: () => void;
  /** Called when `owedLooks` is no longer empty. */
  readonly onOwed: () => void;
  /** How many other parents an event may read for a node that needs only some of them. @defaultValue 32 */
  readonly readsAnEvent?: number | undefined;
}

const childrenAPage = 100;

export class Scheduler {
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #logger: Logger;
  readonly #plans: PlanCache;
  readonly #cancelGraceMs: number;
  readonly #onChange: (taskId: string, ended: boolean) => void;
  readonly #external: ExternalCommands | undefined;
  readonly #onFlows: () => void;
  readonly #openTasks = new OpenTasks();
  readonly #looks: StartLooks;

  constructor(options: SchedulerOptions) {
    this.#store = options.store;
    this.#bus = options.bus;
    this.#plans = options.plans;
    this.#cancelGraceMs = options.cancelGraceMs;
    this.#onChange = options.onChange;
    this.#onFlows = options.onFlows;
    this.#external = options.external;
    this.#logger = options.logger;
    this.#looks = new StartLooks(options);
  }

  /** Dispatches the roots of a task that this coordinator has just created. */
  async begin(task: KnownOpenTask, plan: Plan): Promise<void> {
    const cached = this.#openTasks.get(task.id) ?? this.#openTasks.add(task, plan);
    if (plan.graph.flows !== undefined) this.#onFlows();
    for (const node of plan.nodes) {
      if (node.needed === 0) await this.#tryDispatch(task.id, cached, node);
    }
  }

  /** Re-evaluates a node that changed, then only its children. */
  async nodeChanged(taskId: string, nodeId: string): Promise<void> {
    const cached = await this.#load(taskId);
    const node = cached?.plan.byId.get(nodeId);
    if (cached === undefined || node === undefined) return;
    const shards = cached.finished.has(nodeId) ? [] : await this.#store.readShards(taskId, [nodeId]);
    if (isNodeFinished(node, shards)) cached.finished.add(nodeId);
    const over = shards.some(({ status }) => status === "failed" || status === "cancelled" || status === "cancelling");
    if (over) return this.replan(taskId);
    const finished = cached.finished.has(nodeId);
    let openChild = false;
    for (const child of cached.plan.children.get(nodeId) ?? []) {
      if (cached.finished.has(child.id)) continue;
      if (!cached.dispatched.has(child.id)) {
        const verdict = await this.#looks.afterEvent(taskId, cached, { node: child, parentId: nodeId });
        await this.#follow(verdict, { taskId, cached, node: child });
      }
      // A child that could start before this node finished may also have ended first, since it need not read this node
      // to the end (or at all); another coordinator may have received its event.
      const couldEndFirst = !child.needsAll || child.startsOnFirstBatch;
      if (finished && couldEndFirst && isNodeFinished(child, await this.#store.readShards(taskId, [child.id]))) {
        cached.finished.add(child.id);
      } else openChild = true;
    }
    const ended = finished && !openChild && (await this.#tryFinish(taskId, cached));
    this.#onChange(taskId, ended);
  }

  /** Re-reads all records of the task and plans it as a whole: on a sweep, and after a failure or a cancel. */
  async replan(taskId: string): Promise<void> {
    const task = await this.#store.readTask(taskId);
    if (task === undefined || isTaskTerminal(task.status)) {
      this.#openTasks.forget(taskId);
      this.#onChange(taskId, true);
      return;
    }
    const cached = await this.#load(taskId, task);
    if (cached === undefined) return;
    if (task.status === "cancelling") return this.#cancelRest(task, cached);
    if (task.parent !== undefined && !(await this.#isRunning(task.parent.taskId))) return this.#cancel(taskId);
    const shardsOf = Map.groupBy(await this.#store.readShards(taskId), (record) => record.nodeId);
    for (const node of cached.plan.nodes) {
      const shards = shardsOf.get(node.id) ?? [];
      if (isNodeFinished(node, shards)) cached.finished.add(node.id);
      if (shards.length === node.partitions) cached.dispatched.add(node.id);
      const failure = shards.find((shard) => shard.status === "failed")?.failure;
      if (failure !== undefined) {
        // The shard failed, but the process that saw it died before it updated the task.
        await this.#store.failTask(taskId, failure);
        return this.replan(taskId);
      }
    }
    // This check only rules nodes out: the event of a parent that becomes satisfied triggers another evaluation.
    for (const node of cached.plan.nodes) {
      if (cached.dispatched.has(node.id)) continue;
      const may: { has(id: string): boolean } = node.startsOnFirstBatch ? shardsOf : cached.finished;
      const possible = node.dependsOn.reduce((count, parent) => count + (may.has(parent) ? 1 : 0), 0);
      if (possible >= node.needed) await this.#tryDispatch(taskId, cached, node);
    }
    this.#onChange(taskId, await this.#tryFinish(taskId, cached));
  }

  get owedLooks(): readonly OwedLook[] {
    return this.#looks.owed;
  }

  /** Makes an owed look. */
  async payLook(look: OwedLook): Promise<void> {
    const { taskId, nodeId } = look;
    this.#looks.pay(look);
    try {
      const cached = await this.#load(taskId);
      const node = cached?.plan.byId.get(nodeId);
      if (cached === undefined || node === undefined || cached.dispatched.has(nodeId)) return;
      await this.#tryDispatch(taskId, cached, node);
    } catch (error) {
      if (FlowError.is(error, "STORE_UNAVAILABLE")) this.#looks.owe(look);
      throw error;
    }
  }

  /** Announces that an attempt can be claimed. */
  command(record: ShardRecord): Promise<void> {
    return this.#command(record.type, record, record.epoch);
  }

  async #load(taskId: string, known?: TaskRecord): Promise<OpenTask | undefined> {
    const found = this.#openTasks.get(taskId);
    if (found !== undefined) return found;
    const task = known ?? (await this.#store.readTask(taskId));
    if (task === undefined || isTaskTerminal(task.status)) return undefined;
    const plan = this.#plans.get(task.graph);
    if (plan.graph.flows !== undefined) this.#onFlows();
    const external = this.#external?.types;
    if (task.status === "running") await adoptFinished({ store: this.#store, plan, task, external });
    // A concurrent call may have cached it during the reads: with two caches of one task, each would miss facts.
    return this.#openTasks.get(taskId) ?? this.#openTasks.add(task, plan);
  }

  async #tryDispatch(taskId: string, cached: OpenTask, node: NodePlan): Promise<void> {
    await this.#follow(await this.#looks.look(taskId, cached, node), { taskId, cached, node });
  }

  /** Dispatches the node if its verdict is `ready`. */
  async #follow(
    verdict: Readiness | undefined,
    { taskId, cached, node }: { readonly taskId: string; readonly cached: OpenTask; readonly node: NodePlan },
  ): Promise<void> {
    if (!verdict?.ready) return;
    const { chosen } = verdict;
    const init = { type: node.type, priority: cached.priority, ...(chosen === undefined ? {} : { chosen }) };
    const carried = await this.#carried(taskId, cached, node);
    for (let shard = 0; shard < node.partitions; shard++) {
      const ref = { taskId, nodeId: node.id, shard };
      const outcome = await this.#store.dispatch(ref, { ...init, carried: carried[shard] });
      // The writer of an existing record sends the command; if it died before that, workers find the shard by polling.
      if (outcome !== "dispatched") continue;
      if (shard === 0 && node.needed === 0) this.#logStart(taskId, cached, node);
      await this.#command(node.type, ref, 1);
    }
    cached.dispatched.add(node.id);
  }

  /** External workers begin every log themselves. */
  async #carried(taskId: string, task: OpenTask, node: NodePlan): Promise<CarriedShards> {
    const { retryOf, retriedBatches } = task;
    if (retryOf === undefined || this.#external?.types.has(node.type)) return [];
    return carriedShards(this.#store, { taskId, retryOf, retriedBatches, node });
  }

  /** Whether the task has ended. */
  async #tryFinish(taskId: string, cached: OpenTask): Promise<boolean> {
    const { nodes } = cached.plan;
    for (let index = cached.openFrom; index < nodes.length; index++) {
      const node = nodes[index] as NodePlan;
      if (!cached.finished.has(node.id)) {
        if (!isNodeFinished(node, await this.#store.readShards(taskId, [node.id]))) return false;
        cached.finished.add(node.id);
      }
      // Not `++`: a concurrent call may have advanced it during the read.
      cached.openFrom = Math.max(cached.openFrom, index + 1);
    }
    if (await this.#store.finishTask(taskId)) {
      this.#logger.info({ taskId, flow: cached.plan.graph.name }, "a task finished");
    }
    this.#openTasks.forget(taskId);
    return true;
  }

  /**
   * Writes a tombstone or an abort for every node: a dispatch that was decided before the cancel finds the record and
   * loses. The task ends when none of its shards is open. Parents first: what a shard would have begun with depends on
   * what its parents did.
   */
  async #cancelRest(task: TaskRecord, cached: OpenTask): Promise<void> {
    const { id: taskId, failure, cancelReason = failure?.reasonCode ?? "cancelled" } = task;
    if (cached.plan.graph.flows !== undefined) await this.#cancelChildren(taskId);
    const records = await this.#store.readShards(taskId);
    const known = new Map(records.map((record) => [`${record.nodeId}:${record.shard}`, record]));
    let open = 0;
    for (const node of parentsFirst(cached.plan)) {
      let carried: CarriedShards | undefined;
      for (let shard = 0; shard < node.partitions; shard++) {
        const seen = known.get(`${node.id}:${shard}`);
        if (seen !== undefined && isShardTerminal(seen.status)) continue;
        if (seen === undefined) carried ??= await this.#carried(taskId, cached, node);
        const ref = { taskId, nodeId: node.id, shard };
        const init = { type: node.type, graceMs: this.#cancelGraceMs, carried: carried?.[shard] };
        const status = await this.#store.cancelShard(ref, init);
        if (isShardTerminal(status)) continue;
        open++;
        await this.#signal(ref, cancelReason);
      }
    }
    if (open === 0) {
      if (await this.#store.closeTask(taskId)) this.#logEnd(task);
      this.#openTasks.forget(taskId);
    }
    this.#onChange(taskId, open === 0);
  }

  /** Its tasks find out by their own sweeps too, which also finds those that are created in this moment. */
  async #cancelChildren(taskId: string): Promise<void> {
    let cursor: string | undefined;
    do {
      const query = { limit: childrenAPage, statuses: ["running"], children: { of: taskId } } as const;
      const page = await this.#store.listTasks({ ...query, ...(cursor === undefined ? {} : { cursor }) });
      for (const { id } of page.items) await this.#cancel(id);
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** Of a task whose parent has ended. */
  async #cancel(taskId: string): Promise<void> {
    await this.#store.cancelTask(taskId, "the task that runs it has ended");
    await this.replan(taskId);
  }

  async #isRunning(taskId: string): Promise<boolean> {
    return (await this.#store.readTask(taskId))?.status === "running";
  }

  /** Once: of several coordinators, only one dispatches the first root. Of a retry, it may be adopted instead. */
  #logStart(taskId: string, { plan, retryOf }: OpenTask, root: NodePlan): void {
    const isFirst = root === plan.nodes.find(({ needed }) => needed === 0);
    if (isFirst && retryOf === undefined) this.#logger.info({ taskId, flow: plan.graph.name }, "a task started");
  }

  #logEnd({ id: taskId, graph: { name: flow }, failure, cancelReason }: TaskRecord): void {
    if (failure === undefined) {
      this.#logger.info({ taskId, flow, reason: cancelReason }, "a task was cancelled");
    } else {
      const { stack: _, message: error, ...place } = failure;
      this.#logger.error({ taskId, flow, ...place, error }, "a task failed");
    }
  }

  #command(type: string, ref: { taskId: string; nodeId: string; shard: number }, epoch: number): Promise<void> {
    const { taskId, nodeId, shard } = ref;
    if (type === flowType) this.#onFlows();
    const address = { taskId, nodeId, shard, epoch, type };
    if (this.#external?.types.has(type)) return this.#external.command(address);
    const message = {
      kind: "TASK_START",
      ...address,
      cancelToken: cancelTokenOf(address),
      ...this.#traceOf(taskId),
    } as const;
    return this.#bus.publish(topics.command(type), messageKey(ref), message);
  }

  /**
   * Asks the worker that runs this attempt to stop. Reads the record again, as the lease may have changed since the
   * cancel.
   */
  async #signal(ref: ShardRef, reason: string): Promise<void> {
    const records = await this.#store.readShards(ref.taskId, [ref.nodeId]);
    const record = records.find(({ shard }) => shard === ref.shard);
    if (record?.lease === undefined) return;
    const { workerId } = record.lease;
    const message = cancelMessage(record, { workerId, reason, ...this.#traceOf(ref.taskId) });
    await this.#bus.publish(topics.signals, workerId, message);
  }

  /** Not worth a read if the task is not cached: receivers have the task's record. */
  #traceOf(taskId: string): Pick<MessageTrace, "traceparent"> {
    return traceOf(this.#openTasks.get(taskId) ?? {});
  }
}
