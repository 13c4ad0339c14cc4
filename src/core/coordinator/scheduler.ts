import type { Logger } from "../../definitions/index.ts";
import { FlowError } from "../../errors/index.ts";
import { flowType } from "../../graph/index.ts";
import {
  cancelMessage,
  cancelTokenOf,
  type MessageTrace,
  messageKey,
  topics,
  traceIdOf,
  traceOf,
} from "../messages/messages.ts";
import { deadlineExceeded, signalOf } from "../model/index.ts";
import { isShardTerminal, isTaskTerminal, type ShardRecord, type ShardRef, type TaskRecord } from "../model/records.ts";
import {
  conditionFacts,
  type NodePlan,
  type Plan,
  type PlanCache,
  type Readiness,
  sparedNodes,
} from "../plan/index.ts";
import type { Bus, Store } from "../ports/index.ts";
import type { StartLog } from "../resilience/supervisor.ts";
import { laterFailures, logBadEnd } from "../tasks/task-reader.ts";
import { adoptFinished } from "./adoption.ts";
import { type CarriedShards, carriedShards, parentsFirst } from "./carrying.ts";
import { followPause, isNeeded, openChildren } from "./child-tasks.ts";
import type { ExternalCommands, SchedulerOptions } from "./coordinator-options.ts";
import {
  isFatal,
  type KnownOpenTask,
  noteEnd,
  type OpenTask,
  OpenTasks,
  type OwedLook,
  type PausedFlows,
  readAtOnce,
  readChanged,
  StartLooks,
  withClosed,
} from "./start-looks.ts";
import { TaskMarks } from "./task-marks.ts";

/*
 * Decides what starts next, and when a task ends.
 *
 * Several coordinators may decide about one task at the same time, and messages may be lost. Why this is correct:
 * - A coordinator or worker that ends a node first writes that, then evaluates its children with fresh reads of their
 *   other parents. If two parents end concurrently, at least one evaluation sees both. Where this would read too much,
 *   one evaluation serves several events, slightly later.
 * - A dispatch is an insert, and so is a skip: the second one loses. The first shard of a node decides for all of them
 *   whether the node is skipped, since two coordinators may judge by different facts.
 * - `replan` plans each task again as a whole from time to time, which finds what a lost message would have reported.
 */

const none: ReadonlySet<string> = new Set();
/** Children of a node that are looked at concurrently. */
const childrenAtOnce = 32;

export class Scheduler {
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #logger: Logger;
  readonly #starts: StartLog;
  readonly #plans: PlanCache;
  readonly #cancelGraceMs: number;
  readonly #onChange: (taskId: string, ended: boolean) => void;
  readonly #onDue: (ms: number) => void;
  readonly #external: ExternalCommands | undefined;
  readonly #onFlows: () => void;
  readonly #openTasks = new OpenTasks();
  readonly #looks: StartLooks;
  readonly #pausedFlows: PausedFlows | undefined;
  readonly marks: TaskMarks;

  constructor(options: SchedulerOptions) {
    this.#store = options.store;
    this.#bus = options.bus;
    this.#plans = options.plans;
    this.#cancelGraceMs = options.cancelGraceMs;
    this.#onChange = options.onChange;
    this.#onFlows = options.onFlows;
    this.#onDue = options.onDue;
    this.#external = options.external;
    this.#logger = options.logger;
    this.#starts = options.starts;
    this.#looks = new StartLooks(options);
    this.#pausedFlows = options.pausedFlows;
    this.marks = new TaskMarks({ ...options, command: (record) => this.command(record) });
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
    const { read, looked } = await readChanged(this.#store, { taskId, cached, node });
    const shards = node.optional ? await withClosed(this.#store, node, read) : read;
    const closed = noteEnd(cached, node, shards) || cached.closed.has(nodeId);
    const over = shards.some(({ status }) => status === "cancelled" || status === "cancelling");
    if (over || shards.some(isFatal)) return this.replan(taskId);
    if (cached.plan.handling.has(nodeId) && cached.ended.has(nodeId) && (await this.#isEnding(taskId))) {
      return this.replan(taskId);
    }
    const isOpen = async (child: NodePlan): Promise<boolean> => {
      if (cached.closed.has(child.id)) return false;
      if (!cached.dispatched.has(child.id)) {
        const verdict = await this.#looks.afterEvent(taskId, cached, { node: child, parentId: nodeId });
        await this.#follow(verdict, { taskId, cached, node: child });
      }
      // A child that could start before this node ended may also have ended first, since it need not read this node to
      // the end (or at all); another coordinator may have received its event.
      const couldEndFirst = !child.needsAll || child.startsOnFirstBatch;
      return !closed || !couldEndFirst || !noteEnd(cached, child, await this.#store.readShards(taskId, [child.id]));
    };
    const children = cached.plan.children.get(nodeId) ?? [];
    let openChild = false;
    for (let at = 0; at < children.length; at += childrenAtOnce)
      openChild = (await Promise.all(children.slice(at, at + childrenAtOnce).map(isOpen))).includes(true) || openChild;
    const ended = closed && !openChild && (await this.#tryFinish(taskId, cached, looked));
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
    const isPaused = task.status === "running" && this.#pausedFlows?.has(task.graph.name) === true;
    if (isPaused && (await this.#store.readShards(taskId)).length === 0) return;
    const cached = await this.#load(taskId, task);
    if (cached === undefined) return;
    if (task.status === "cancelling") return this.#cancelRest(task, cached);
    if (task.parent !== undefined && !(await isNeeded(this.#store, task.parent))) return this.#cancel(taskId);
    if (await followPause(this.#store, task)) return this.replan(taskId);
    const records = await this.marks.complete(task);
    if (records === undefined) return this.replan(taskId);
    for await (const child of openChildren(this.#store, { taskId, plan: cached.plan })) {
      if ((child.paused ?? false) !== (task.paused ?? false)) await this.replan(child.id);
    }
    const shardsOf = Map.groupBy(records, (record) => record.nodeId);
    for (const node of cached.plan.nodes) {
      const shards = await withClosed(this.#store, node, shardsOf.get(node.id) ?? []);
      if (node.wait !== undefined && signalOf(task, node.id) !== undefined) await this.marks.wake(shards);
      noteEnd(cached, node, shards);
      if (shards.length === node.partitions) cached.dispatched.add(node.id);
      const failure = shards.find(isFatal)?.failure;
      if (failure !== undefined) {
        // The shard failed, but the process that saw it died before it updated the task.
        await this.#store.failTask(taskId, failure);
        return this.replan(taskId);
      }
    }
    // This check only rules nodes out: the event of a parent that becomes satisfied triggers another evaluation.
    for (const node of cached.plan.nodes) {
      if (cached.dispatched.has(node.id)) continue;
      const may: { has(id: string): boolean } = node.startsOnFirstBatch ? shardsOf : cached.ended;
      const possible = node.dependsOn.reduce((count, parent) => count + (may.has(parent) ? 1 : 0), 0);
      if (possible >= node.needed) await this.#tryDispatch(taskId, cached, node);
    }
    this.#onChange(taskId, await this.#tryFinish(taskId, cached, cached.plan.byId)); // all were read above
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
    if (found?.hasAdopted) return found;
    const task = known ?? (await this.#store.readTask(taskId));
    if (task === undefined || isTaskTerminal(task.status)) return undefined;
    const plan = this.#plans.get(task.graph);
    if (plan.graph.flows !== undefined) this.#onFlows();
    const external = this.#external?.types;
    const mayRun = task.status === "running";
    if (mayRun) this.#starts.seen(task);
    if (mayRun) await adoptFinished({ store: this.#store, plan, task, external });
    // A concurrent call may have cached it during the reads: of two caches of one task, each would miss facts.
    const cached = this.#openTasks.get(taskId) ?? this.#openTasks.add(task, plan);
    // Left false while the task is cancelling: a call that read it as running must adopt before it dispatches.
    cached.hasAdopted ||= mayRun;
    return cached;
  }

  async #tryDispatch(taskId: string, cached: OpenTask, node: NodePlan): Promise<void> {
    await this.#follow(await this.#looks.look(taskId, cached, node), { taskId, cached, node });
  }

  /** Dispatches the node if its verdict is `ready`, or skips it if its condition does not hold. */
  async #follow(
    verdict: Readiness | undefined,
    { taskId, cached, node }: { readonly taskId: string; readonly cached: OpenTask; readonly node: NodePlan },
  ): Promise<void> {
    if (!verdict?.ready) return;
    let { chosen } = verdict;
    const delayMs = node.wait === undefined ? node.delayMs : (node.wait.timeoutMs ?? Number.POSITIVE_INFINITY);
    const asAll = { type: node.type, priority: cached.priority, delayMs, notBefore: cached.startsAt };
    let skips = node.holds !== undefined && !(await this.#holds(taskId, cached, node));
    const carried = skips ? [] : await this.#carried(taskId, cached, node);
    for (let shard = 0; shard < node.partitions; shard++) {
      const ref = { taskId, nodeId: node.id, shard };
      const init = chosen === undefined ? asAll : { ...asAll, chosen };
      const announce = delayMs === 0 ? () => this.#command(node.type, ref, 1) : undefined;
      const outcome = skips
        ? await this.#store.skip(ref, init)
        : await this.#store.dispatch(ref, { ...init, carried: carried[shard] }, announce);
      if (outcome === "exists") {
        // The writer of an existing record sends the command; if it died before that, workers find the shard by polling.
        const first = shard > 0 || (node.holds ?? chosen) === undefined ? undefined : await this.#dispatched(ref);
        if (first !== undefined) [skips, chosen] = [first.status === "skipped", first.chosen]; // shard 0 decides for all
        continue;
      }
      if (shard === 0 && node.needed === 0) this.#logStart(taskId, cached, node);
      if (outcome === "dispatched" && announce === undefined) this.#onDue(delayMs);
    }
    cached.dispatched.add(node.id);
    if (skips) return this.nodeChanged(taskId, node.id);
    if (node.wait !== undefined) await this.marks.dispatched(taskId, node.id);
  }

  /** Whether the node's condition holds. Judged by stored records: parents that have ended do not change any more. */
  async #holds(taskId: string, { plan: { byId } }: OpenTask, node: NodePlan): Promise<boolean> {
    const params = (await this.#store.readTask(taskId))?.params ?? {};
    const shards = await this.#store.readShards(taskId, node.dependsOn);
    return node.holds === undefined || node.holds(conditionFacts(node, { params, byId, shards }));
  }

  async #dispatched({ taskId, nodeId, shard }: ShardRef): Promise<ShardRecord | undefined> {
    const record = (await this.#store.readShards(taskId, [nodeId])).find((one) => one.shard === shard);
    return record?.history[0]?.cause === "cancel" ? undefined : record; // cancelled before a dispatch, it decided nothing
  }

  /** External workers start every log themselves. */
  async #carried(taskId: string, task: OpenTask, node: NodePlan): Promise<CarriedShards> {
    const { retryOf, retriedBatches } = task;
    if (retryOf === undefined || this.#external?.types.has(node.type)) return [];
    return carriedShards(this.#store, { taskId, retryOf, retriedBatches, node });
  }

  /** Finishes the task if all nodes are closed. `looked`: nodes that were just read. Returns whether the task has ended. */
  async #tryFinish(taskId: string, cached: OpenTask, looked: { has(id: string): boolean }): Promise<boolean> {
    const { nodes } = cached.plan;
    // An open node ends the search, so many are read at once only after the first was found closed.
    for (let atOnce = 1; ; atOnce = readAtOnce) {
      while (cached.closed.has(nodes[cached.openFrom]?.id ?? "")) cached.openFrom++;
      const next = nodes.slice(cached.openFrom, cached.openFrom + atOnce);
      if (next[0] === undefined) break;
      if (looked.has(next[0].id)) return false;
      const ids = next.map(({ id }) => id);
      const shardsOf = Map.groupBy(await this.#store.readShards(taskId, ids), ({ nodeId }) => nodeId);
      if (!next.every((node) => noteEnd(cached, node, shardsOf.get(node.id) ?? []))) return false;
    }
    if (await this.#store.finishTask(taskId)) {
      this.#logger.info({ taskId, flow: cached.plan.graph.name, ...traceIdOf(cached) }, "a task finished");
    }
    this.#openTasks.forget(taskId);
    // Child tasks of a batch that timed out: nothing waits for their events any more, and paused ones have none.
    if (cached.plan.graph.flows !== undefined) {
      for await (const child of openChildren(this.#store, { taskId, plan: cached.plan })) await this.replan(child.id);
    }
    return true;
  }

  async #isEnding(taskId: string): Promise<boolean> {
    return (await this.#store.readTask(taskId))?.status === "cancelling";
  }

  /**
   * Writes a tombstone or an abort for every node: a dispatch that was decided before the cancel finds the record and
   * loses. The task ends when none of its shards is open. Parents first: what a shard carries depends on what its
   * parents did. Handlers of outcomes are spared, and start here.
   */
  async #cancelRest(task: TaskRecord, cached: OpenTask): Promise<void> {
    const { id: taskId, failure, cancelReason = failure?.reasonCode ?? "cancelled" } = task;
    const { plan } = cached;
    const nodes = parentsFirst(plan);
    const shardsOf = new Map(Map.groupBy(await this.#store.readShards(taskId), ({ nodeId }) => nodeId));
    const recordsOf = (id: string): readonly ShardRecord[] => shardsOf.get(id) ?? [];
    for (const node of nodes) shardsOf.set(node.id, [...(await withClosed(this.#store, node, recordsOf(node.id)))]);
    const spared = task.cancelsAll ? none : sparedNodes(plan, nodes, recordsOf);
    let open = 0;
    for (const node of nodes) {
      const records = recordsOf(node.id);
      noteEnd(cached, node, records);
      if (spared.has(node.id)) {
        open++;
        await this.marks.goOn(task, node, records);
        continue;
      }
      const known = new Map(records.map((record) => [record.shard, record]));
      let carried: CarriedShards | undefined;
      for (let shard = 0; shard < node.partitions; shard++) {
        const seen = known.get(shard);
        if (seen !== undefined && isShardTerminal(seen.status)) continue;
        if (seen === undefined) carried ??= await this.#carried(taskId, cached, node);
        const ref = { taskId, nodeId: node.id, shard };
        const init = { type: node.type, graceMs: this.#cancelGraceMs, carried: carried?.[shard] };
        const status = await this.#store.cancelShard(ref, init);
        if (status === "failed" && node.optional) await this.#store.closeFailed(ref); // it failed after it was read
        if (isShardTerminal(status)) continue;
        open++;
        await this.#signal(ref, cancelReason);
      }
    }
    for await (const child of openChildren(this.#store, { taskId, plan })) {
      if (!spared.has(child.parent?.nodeId ?? "")) await this.#cancel(child.id);
      else if (child.paused) await this.replan(child.id);
    }
    for (const node of nodes) {
      const isLeft = spared.has(node.id) && recordsOf(node.id).length < node.partitions;
      if (isLeft) await this.#tryDispatch(taskId, cached, node);
    }
    // At the deadline, the spared nodes are cancelled too.
    if (spared.size > 0 && task.deadlineAt !== undefined && (await this.#store.failTask(taskId, deadlineExceeded))) {
      return this.replan(taskId);
    }
    if (open === 0) {
      if (await this.#store.closeTask(taskId))
        logBadEnd(this.#logger, task, laterFailures(task, plan, [...shardsOf.values()].flat()));
      this.#openTasks.forget(taskId);
    }
    this.#onChange(taskId, open === 0);
  }

  async #cancel(taskId: string): Promise<void> {
    await this.#store.cancelTask(taskId, "the node that runs it has ended");
    await this.replan(taskId);
  }

  /** Logged once, as only one coordinator dispatches the first root. Not for a retry, where it may be adopted instead. */
  #logStart(taskId: string, task: OpenTask, root: NodePlan): void {
    const { plan, retryOf } = task;
    const isFirst = root === plan.nodes.find(({ needed }) => needed === 0);
    if (isFirst && retryOf === undefined)
      this.#starts.log({ taskId, flow: plan.graph.name, traceparent: task.traceparent });
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

  /** Asks the worker that runs this attempt to stop. Reads the record again: it may have a new worker. */
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
