import { isClosed, type RetriedBatches, type ShardRecord, type TaskRecord } from "../model/records.ts";
import {
  endOf,
  isNodeClosed,
  isNodeFinished,
  type NodePlan,
  type Plan,
  type Readiness,
  readiness,
} from "../plan/index.ts";
import type { Clock, Store } from "../ports/index.ts";

/** What is known about a node that needs only some of its parents. */
export interface SomeParents {
  /** Parents neither known to satisfy the node nor known to be omitted. All others are so permanently. */
  readonly unknown: Set<string>;
  /** How many parents are omitted. */
  omitted: number;
  /** How many parents may be read, for the events since the last look at all of them. */
  credit: number;
}

/**
 * What a coordinator caches about a task: only facts that never change, such as "closed", "dispatched" and "has stored
 * a batch". "Not closed" is never cached, so a stale cache costs time but never correctness, and can be
 * dropped at any time.
 */
export interface OpenTask {
  readonly plan: Plan;
  readonly priority: number;
  readonly traceparent: string | undefined;
  readonly retryOf: string | undefined;
  readonly retriedBatches: RetriedBatches | undefined;
  /** Store time before which it does not start. */
  readonly startsAt: number | undefined;
  /** Nodes that have ended, whatever the outcome. */
  readonly ended: Set<string>;
  /** Those of them with a closed log: they finished, were skipped, or failed and are optional. */
  readonly closed: Set<string>;
  /** Those of them that did not finish. */
  readonly omitted: Set<string>;
  readonly dispatched: Set<string>;
  /** Nodes known to have stored a batch; read only where a decision needed it. */
  readonly started: Set<string>;
  /**
   * For a node that needs all of its parents: every parent before this index satisfies it. The parent at this index is
   * read again, and triggers another look when it finishes, so a join of N parents costs O(N) reads in total.
   */
  readonly waitingFrom: Map<string, number>;
  /** For nodes that need only some of their parents. */
  readonly someParents: Map<string, SomeParents>;
  /** Every node before this index of the plan is closed. */
  openFrom: number;
  /** Whether no node can be adopted from an earlier task any more. */
  hasAdopted: boolean;
}

/** The fields of a task's record that are cached. */
export type KnownOpenTask = Pick<
  TaskRecord,
  "id" | "priority" | "traceparent" | "retryOf" | "retriedBatches" | "startsAt"
>;

const keptTasks = 1_000;

export class OpenTasks {
  readonly #byTask = new Map<string, OpenTask>();

  get(taskId: string): OpenTask | undefined {
    return this.#byTask.get(taskId);
  }

  add({ id: taskId, priority, traceparent, retryOf, retriedBatches, startsAt }: KnownOpenTask, plan: Plan): OpenTask {
    const cached: OpenTask = {
      plan,
      priority,
      traceparent,
      retryOf,
      retriedBatches,
      startsAt,
      ended: new Set(),
      closed: new Set(),
      omitted: new Set(),
      dispatched: new Set(),
      started: new Set(),
      waitingFrom: new Map(),
      someParents: new Map(),
      openFrom: 0,
      hasAdopted: retryOf === undefined,
    };
    this.#byTask.set(taskId, cached);
    if (this.#byTask.size > keptTasks) {
      const [oldest] = this.#byTask.keys();
      if (oldest !== undefined) this.#byTask.delete(oldest);
    }
    return cached;
  }

  forget(taskId: string): void {
    this.#byTask.delete(taskId);
  }
}

/** How many other parents an event may read for a node that needs only some of them. */
const defaultReadsAnEvent = 32;
/** Nodes read by one call. */
export const readAtOnce = 100;

/** A pending look at all parents of a node. */
export interface OwedLook {
  readonly taskId: string;
  readonly nodeId: string;
}

export interface StartLooksOptions {
  readonly store: Store;
  /** Called when a look becomes owed. */
  readonly onOwed: () => void;
  /** @defaultValue 32 */
  readonly readsAnEvent?: number | undefined;
}

/**
 * Determines whether a node may start. A parent that satisfies a node does so permanently, so that is cached. That it
 * does not is true only at the moment of the read, since another coordinator may receive its event.
 *
 * - A node that needs all of its parents: read the first that is not known to satisfy it. If it does not yet, its own
 *   event triggers the next look. A join of N parents costs O(N) reads in total.
 * - A node that needs only some: any of the others may be the missing one, and reading all of them on each event would
 *   cost O(N²). So each event earns a few reads, and a look happens once it is paid for. Until then it is owed: it is
 *   made in the background, once for all events in between, and for a fraction of the time only.
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

  /** Called before the look itself: a look that becomes owed while it reads is another one. */
  pay(look: OwedLook): void {
    this.#owed.delete(keyOf(look));
  }

  /** After an event of this parent. `undefined`: not ready, as far as was checked. */
  async afterEvent(
    taskId: string,
    cached: OpenTask,
    of: { readonly node: NodePlan; readonly parentId: string },
  ): Promise<Readiness | undefined> {
    const { node, parentId } = of;
    if (node.needsAll) return this.#lookForAll(taskId, cached, node);
    const some = someParents(cached, node);
    await this.#read(taskId, cached, { node, parentIds: [parentId], some });
    if (some.unknown.has(parentId)) return undefined; // this parent is still undecided
    if (some.unknown.size > mayLack(node, some)) {
      some.credit += this.#readsAnEvent;
      if (some.credit <= mayLack(node, some)) {
        this.owe({ taskId, nodeId: node.id });
        this.#onOwed();
        return undefined;
      }
    }
    return this.#lookForSome(taskId, cached, node);
  }

  /** Reads as many records as needed. `undefined`: not ready. */
  look(taskId: string, cached: OpenTask, node: NodePlan): Promise<Readiness | undefined> {
    return node.needsAll ? this.#lookForAll(taskId, cached, node) : this.#lookForSome(taskId, cached, node);
  }

  async #lookForAll(taskId: string, cached: OpenTask, node: NodePlan): Promise<Readiness | undefined> {
    for (;;) {
      // Starts where the furthest call got to: many events of one join are evaluated concurrently.
      let from = cached.waitingFrom.get(node.id) ?? 0;
      while (from < node.dependsOn.length && satisfies(cached, node, node.dependsOn[from] as string)) from++;
      cached.waitingFrom.set(node.id, from);
      const parentId = node.dependsOn[from];
      if (parentId === undefined) return { ready: true };
      await this.#read(taskId, cached, { node, parentIds: [parentId] });
      if (!satisfies(cached, node, parentId)) return undefined;
    }
  }

  /**
   * Reads until too many parents are unsatisfied; otherwise reads all of them, as the choice contains every satisfied
   * parent.
   */
  async #lookForSome(taskId: string, cached: OpenTask, node: NodePlan): Promise<Readiness | undefined> {
    const some = someParents(cached, node);
    some.credit = 0;
    // An iterator instead of a list: a look that ends early must not cost more than it reads.
    const unknown = some.unknown.values();
    let lacking = 0;
    for (;;) {
      const parentIds = nextOf(unknown, Math.min(readAtOnce, mayLack(node, some) - lacking + 1));
      if (parentIds.length === 0) return verdict(cached, node);
      await this.#read(taskId, cached, { node, parentIds, some });
      lacking += parentIds.filter((id) => some.unknown.has(id)).length;
      if (lacking > mayLack(node, some)) return undefined;
    }
  }

  /** Updates the cache for those of these parents that are not known to satisfy the node. */
  async #read(
    taskId: string,
    cached: OpenTask,
    of: { readonly node: NodePlan; readonly parentIds: readonly string[]; readonly some?: SomeParents },
  ): Promise<void> {
    const { node, parentIds, some } = of;
    const unknown = parentIds.filter((id) => !satisfies(cached, node, id));
    const shards =
      unknown.length === 0 ? none : Map.groupBy(await this.#store.readShards(taskId, unknown), ({ nodeId }) => nodeId);
    for (const id of unknown) {
      const parent = cached.plan.byId.get(id);
      const records = shards.get(id);
      if (parent === undefined || records === undefined) continue; // a node without a record has not stored anything
      // Even an omitted parent: a batch that it had stored satisfies the node, whatever its outcome.
      const mayHave = node.startsOnFirstBatch && !isNodeFinished(parent, records);
      if (mayHave && (await this.#store.hasArtifacts(taskId, id))) cached.started.add(id);
      noteEnd(cached, parent, records);
    }
    if (some === undefined) return;
    for (const id of parentIds) {
      const isSatisfied = satisfies(cached, node, id);
      if (!isSatisfied && !cached.omitted.has(id)) continue;
      if (some.unknown.delete(id) && !isSatisfied) some.omitted++;
    }
  }
}

const none: ReadonlyMap<string, ShardRecord[]> = new Map();

const keyOf = ({ taskId, nodeId }: OwedLook): string => `${taskId}:${nodeId}`;

/** Caches that the node has ended, if it has. Returns whether it is closed. */
export function noteEnd(cached: OpenTask, node: NodePlan, shards: readonly ShardRecord[]): boolean {
  if (endOf(node, shards) !== undefined) cached.ended.add(node.id);
  if (!isNodeClosed(node, shards)) return false;
  if (!isNodeFinished(node, shards)) cached.omitted.add(node.id);
  cached.closed.add(node.id);
  return true;
}

/**
 * Reads the shards of a node that has changed, unless it is known to be closed. If it has no children, the task may end
 * with it, so the first node that is not known to be closed is read with it, or many of them if nothing is known yet.
 */
export async function readChanged(
  store: Store,
  of: { readonly taskId: string; readonly cached: OpenTask; readonly node: NodePlan },
): Promise<{ readonly read: readonly ShardRecord[]; readonly looked: ReadonlySet<string> }> {
  const { taskId, cached, node } = of;
  const { plan, closed } = cached;
  if (closed.has(node.id)) return { read: [], looked: new Set() };
  while (closed.has(plan.nodes[cached.openFrom]?.id ?? "")) cached.openFrom++;
  const isLast = (plan.children.get(node.id) ?? []).length === 0;
  const wanted = !isLast ? 0 : closed.size === 0 ? readAtOnce : 1;
  const others = plan.nodes.slice(cached.openFrom, cached.openFrom + wanted).filter((other) => other !== node);
  const looked = new Set([node.id, ...others.map(({ id }) => id)]);
  const mayDispatch = plan.children.get(node.id)?.some(({ id }) => !cached.dispatched.has(id));
  const shardsOf = Map.groupBy(await store.readShards(taskId, [...looked], mayDispatch), ({ nodeId }) => nodeId);
  for (const other of others) noteEnd(cached, other, shardsOf.get(other.id) ?? []);
  return { read: shardsOf.get(node.id) ?? [], looked };
}

/** Failed with an open log. The logs of an optional node are closed first. */
export const isFatal = (record: ShardRecord): boolean => record.status === "failed" && !isClosed(record);

/** The shards of a node; if it is optional, closes the logs of failed shards first. */
export async function withClosed(
  store: Store,
  node: NodePlan,
  shards: readonly ShardRecord[],
): Promise<readonly ShardRecord[]> {
  if (!node.optional) return shards;
  for (let records = shards; ; ) {
    const failed = records.filter(isFatal);
    const [first] = failed;
    if (first === undefined) return records;
    for (const record of failed) await store.closeFailed(record);
    records = await store.readShards(first.taskId, [node.id]); // others may have failed meanwhile
  }
}

/** How many of its other parents may remain unsatisfied. */
const mayLack = (node: NodePlan, { omitted }: SomeParents): number =>
  Math.max(0, node.dependsOn.length - node.needed - omitted);

/** As far as it is cached. */
const satisfies = (cached: OpenTask, node: NodePlan, parentId: string): boolean =>
  (node.startsOnEnded && cached.ended.has(parentId)) ||
  (cached.closed.has(parentId) && (node.needsAll || !cached.omitted.has(parentId))) ||
  (node.startsOnFirstBatch && cached.started.has(parentId));

const verdict = (cached: OpenTask, node: NodePlan): Readiness =>
  readiness(node, (id) => ({
    ended: cached.ended.has(id),
    closed: cached.closed.has(id),
    omitted: cached.omitted.has(id),
    hasArtifact: cached.started.has(id),
  }));

function someParents(cached: OpenTask, node: NodePlan): SomeParents {
  let some = cached.someParents.get(node.id);
  if (some === undefined) {
    some = { unknown: new Set(node.dependsOn), omitted: 0, credit: 0 };
    cached.someParents.set(node.id, some);
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

const mostPausedFlows = 1_000;

/** The flows whose new tasks do not begin, as of the last read. A change by another process is seen within `maxAgeMs`. */
export class PausedFlows {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  #names: ReadonlySet<string> = new Set();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly store: Store; readonly clock: Clock; readonly maxAgeMs: number }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#maxAgeMs = options.maxAgeMs;
  }

  has(name: string | undefined): boolean {
    return name !== undefined && this.#names.has(name);
  }

  /** @param mayBeSome - false: a read has just found none */
  async refresh(mayBeSome = true): Promise<void> {
    const now = this.#clock.monotonic();
    if (mayBeSome && now - this.#readAt < this.#maxAgeMs) return;
    this.#names = new Set(mayBeSome ? await this.read() : []);
    this.#readAt = now;
  }

  async read(): Promise<readonly string[]> {
    const { items } = await this.#store.listEntries("paused_flow", { limit: mostPausedFlows });
    return items.map(({ id }) => id);
  }

  async set(name: string, isPaused: boolean): Promise<void> {
    const next = isPaused ? { value: {} } : null;
    await this.#store.updateEntry({ kind: "paused_flow", id: name }, () => ({ answer: undefined, next }));
    this.#readAt = Number.NEGATIVE_INFINITY;
  }
}
