import type { ShardRecord, TaskRecord } from "../model/records.ts";
import { isNodeFinished, type NodePlan, type Plan, type Readiness, readiness } from "../plan/index.ts";
import type { Store } from "../ports/index.ts";

/** What is known of a node that needs some of its parents. */
export interface SomeParents {
  /** Those that aren't known to satisfy it: the others do for ever, of these nothing is said. */
  readonly unknown: Set<string>;
  /** How many parents may be read for the events that came since the last look at all of them. */
  credit: number;
}

/**
 * What one coordinator remembers of a task. Only facts that never change: that a node is finished, that it was
 * dispatched, that it has stored a batch. "Not finished" is never remembered, so a stale memory is a slow one, not a wrong one, and it can be
 * dropped at any time.
 */
export interface OpenTask {
  readonly plan: Plan;
  readonly priority: number;
  readonly traceparent: string | undefined;
  readonly finished: Set<string>;
  readonly dispatched: Set<string>;
  /** Nodes that have stored a batch, as far as somebody needs to know. */
  readonly started: Set<string>;
  /**
   * By node that needs all of its parents: every parent before this index satisfies it. The one at it is read fresh, and
   * its own finish will look again; so a join of N parents costs O(N) reads in all.
   */
  readonly waitingFrom: Map<string, number>;
  /** By node that needs some of its parents. */
  readonly someParents: Map<string, SomeParents>;
  /** Every node before this index of the plan is finished. */
  openFrom: number;
}

/** What is remembered of its record. */
export type KnownOpenTask = Pick<TaskRecord, "id" | "priority" | "traceparent">;

const keptTasks = 1_000;

export class OpenTasks {
  readonly #byTask = new Map<string, OpenTask>();

  get(taskId: string): OpenTask | undefined {
    return this.#byTask.get(taskId);
  }

  remember({ id: taskId, priority, traceparent }: KnownOpenTask, plan: Plan): OpenTask {
    const memory: OpenTask = {
      plan,
      priority,
      traceparent,
      finished: new Set(),
      dispatched: new Set(),
      started: new Set(),
      waitingFrom: new Map(),
      someParents: new Map(),
      openFrom: 0,
    };
    this.#byTask.set(taskId, memory);
    if (this.#byTask.size > keptTasks) {
      const [oldest] = this.#byTask.keys();
      if (oldest !== undefined) this.#byTask.delete(oldest);
    }
    return memory;
  }

  forget(taskId: string): void {
    this.#byTask.delete(taskId);
  }
}

/** What an event may read of the other parents of a node that needs some of them. */
const defaultReadsAnEvent = 32;
/** Nodes that are read by one call. */
const readAtOnce = 100;

/** A look at all parents of a node that nobody has made yet. */
export interface OwedLook {
  readonly taskId: string;
  readonly nodeId: string;
}

export interface StartLooksOptions {
  readonly store: Store;
  /** Something is owed. */
  readonly onOwed: () => void;
  /** @defaultValue 32 */
  readonly readsAnEvent?: number | undefined;
}

/**
 * Finds out whether a node may start. Parents that satisfied it once are remembered, for they do so for ever. That one
 * doesn't is true at the moment of reading only, since another coordinator may be told of its end.
 *
 * - A node that needs all of its parents: the first one that isn't known to satisfy it is read. If it holds the node
 *   back, its own event will look again. A join of N parents costs O(N) reads in all.
 * - A node that needs some of them: any of the others may be the one that was missing, and reading all of them at each
 *   event would cost O(N²). So an event earns a few reads, and a look is made when it has been earned. Until then it is
 *   owed: made in the background, once for all events that came in between, and that takes a part of the time only.
 */
export class StartLooks {
  readonly #store: Store;
  readonly #onOwed: () => void;
  readonly #readsAnEvent: number;
  readonly #owed = new Map<string, OwedLook>();

  constructor({ store, onOwed, readsAnEvent = defaultReadsAnEvent }: StartLooksOptions) {
    this.#store = store;
    this.#onOwed = onOwed;
    this.#readsAnEvent = readsAnEvent;
  }

  get owed(): readonly OwedLook[] {
    return [...this.#owed.values()];
  }

  owe(look: OwedLook): void {
    this.#owed.set(keyOf(look), look);
  }

  /** Comes before the look itself: what is owed while it reads is another one. */
  pay(look: OwedLook): void {
    this.#owed.delete(keyOf(look));
  }

  /** After an event of this parent. `undefined`: not yet, as far as it was looked at. */
  async afterEvent(
    taskId: string,
    memory: OpenTask,
    of: { readonly node: NodePlan; readonly parentId: string },
  ): Promise<Readiness | undefined> {
    const { node, parentId } = of;
    if (node.needsAll) return this.#lookForAll(taskId, memory, node);
    const some = someParents(memory, node);
    await this.#read(taskId, memory, { node, parentIds: [parentId], some });
    if (some.unknown.has(parentId)) return undefined; // it was not the one that was missing
    if (some.unknown.size > mayLack(node)) {
      some.credit += this.#readsAnEvent;
      if (some.credit <= mayLack(node)) {
        this.owe({ taskId, nodeId: node.id });
        this.#onOwed();
        return undefined;
      }
    }
    return this.#lookForSome(taskId, memory, node);
  }

  /** From the records, whatever it costs. `undefined`: not yet. */
  look(taskId: string, memory: OpenTask, node: NodePlan): Promise<Readiness | undefined> {
    return node.needsAll ? this.#lookForAll(taskId, memory, node) : this.#lookForSome(taskId, memory, node);
  }

  async #lookForAll(taskId: string, memory: OpenTask, node: NodePlan): Promise<Readiness | undefined> {
    for (let index = memory.waitingFrom.get(node.id) ?? 0; index < node.dependsOn.length; index++) {
      const parentId = node.dependsOn[index] as string;
      if (satisfies(memory, node, parentId)) continue;
      await this.#read(taskId, memory, { node, parentIds: [parentId] });
      if (satisfies(memory, node, parentId)) continue;
      // Another call may have come further during the read: only ever forward.
      memory.waitingFrom.set(node.id, Math.max(index, memory.waitingFrom.get(node.id) ?? 0));
      return undefined;
    }
    return verdict(memory, node);
  }

  /** Reads until too many are found that don't satisfy; else to the end, for the choice is all that do. */
  async #lookForSome(taskId: string, memory: OpenTask, node: NodePlan): Promise<Readiness | undefined> {
    const some = someParents(memory, node);
    some.credit = 0;
    // An iterator, no list of them: a look that ends at once is to cost no more than that.
    const unknown = some.unknown.values();
    let left = mayLack(node);
    for (;;) {
      const parentIds = nextOf(unknown, Math.min(readAtOnce, left + 1));
      if (parentIds.length === 0) return verdict(memory, node);
      await this.#read(taskId, memory, { node, parentIds, some });
      left -= parentIds.filter((id) => !satisfies(memory, node, id)).length;
      if (left < 0) return undefined;
    }
  }

  /** Learns what these parents are now, of those that aren't known to satisfy the node. */
  async #read(
    taskId: string,
    memory: OpenTask,
    of: { readonly node: NodePlan; readonly parentIds: readonly string[]; readonly some?: SomeParents },
  ): Promise<void> {
    const { node, parentIds, some } = of;
    const unknown = parentIds.filter((id) => !satisfies(memory, node, id));
    const shards =
      unknown.length === 0 ? none : Map.groupBy(await this.#store.readShards(taskId, unknown), ({ nodeId }) => nodeId);
    for (const id of unknown) {
      const parent = memory.plan.byId.get(id);
      const records = shards.get(id);
      if (parent === undefined || records === undefined) continue; // one without a record has stored nothing
      if (isNodeFinished(parent, records)) memory.finished.add(id);
      else if (node.startsOnFirstBatch && (await this.#store.hasArtifacts(taskId, id))) memory.started.add(id);
    }
    if (some !== undefined) for (const id of parentIds) if (satisfies(memory, node, id)) some.unknown.delete(id);
  }
}

const none: ReadonlyMap<string, ShardRecord[]> = new Map();

const keyOf = ({ taskId, nodeId }: OwedLook): string => `${taskId}:${nodeId}`;

/** How many of its parents needn't satisfy it. */
const mayLack = (node: NodePlan): number => node.dependsOn.length - node.needed;

/** As far as it is remembered. */
const satisfies = (memory: OpenTask, node: NodePlan, parentId: string): boolean =>
  memory.finished.has(parentId) || (node.startsOnFirstBatch && memory.started.has(parentId));

const verdict = (memory: OpenTask, node: NodePlan): Readiness =>
  readiness(node, (id) => ({ finished: memory.finished.has(id), hasArtifact: memory.started.has(id) }));

function someParents(memory: OpenTask, node: NodePlan): SomeParents {
  let some = memory.someParents.get(node.id);
  if (some === undefined) {
    some = { unknown: new Set(node.dependsOn), credit: 0 };
    memory.someParents.set(node.id, some);
  }
  return some;
}

function nextOf(ids: Iterator<string>, most: number): readonly string[] {
  const taken: string[] = [];
  while (taken.length < most) {
    const next = ids.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}
