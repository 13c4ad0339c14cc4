import { FlowError } from "../../errors/index.ts";
import { cancelTokenOf, messageKey, topics, traceOf } from "../messages/messages.ts";
import { type EpochRef, epochRef, type Failure, type ShardRecord, shardKey } from "../model/records.ts";
import type { NodePlan } from "../plan/index.ts";
import type { UnreadableSource } from "../ports/index.ts";
import type { Supervisor } from "../resilience/supervisor.ts";
import { externalInput, externalSources } from "./nodes.ts";
import { type ExternalParts, longestSource, type PlannedNode, readPlan, readRecord, sendCancel } from "./parts.ts";

const maxLookedAt = 1_000;
const lookMaxMs = 1_000;
/** A busy worker leaves commands unread: sending more would not help. */
const maxDoublings = 5;
const ownClaimMs = 30_000;

interface Waiting {
  readonly since: number;
  readonly patienceMs: number;
}

/**
 * Sends commands to external workers. A command is all that they receive, and the store has no trace of it until one of
 * them accepts. So a command that is not accepted in time counts as lost: the attempt gets the next epoch, and a worker
 * that accepts the old one is asked to stop.
 *
 * Waiting times are known to this process only. Another coordinator starts waiting from zero, which costs only time.
 */
export class ExternalDispatch {
  readonly #parts: ExternalParts;
  /** By attempt, since when this process has seen it wait; monotonic. */
  #waiting = new Map<string, Waiting>();

  constructor(parts: ExternalParts) {
    this.#parts = parts;
  }

  start(supervisor: Supervisor): void {
    const { clock, acceptMs } = this.#parts;
    const everyMs = Math.min(lookMaxMs, acceptMs / 2);
    supervisor.loop("external commands", async () => {
      await this.look();
      await clock.sleep(everyMs, supervisor.signal);
    });
  }

  /** Makes the sources of a queued attempt readable and sends its command. */
  async command(ref: EpochRef): Promise<void> {
    const { bus } = this.#parts;
    const found = await readPlan(this.#parts, ref);
    if (found === undefined || !runsOn(found)) return; // its tombstone is about to be written
    const { node } = found;
    const unreadable = await this.#prepare(ref, node);
    if (unreadable !== undefined) return this.#fail(ref, unreadableFailure(unreadable));
    const address = { ...epochRef(ref), type: node.type };
    try {
      await bus.publish(topics.command(node.type), messageKey(ref), {
        kind: "TASK_START",
        ...address,
        cancelToken: cancelTokenOf(address),
        inputInline: externalInput(node),
        ...traceOf(found.task),
      });
    } catch (error) {
      if (!FlowError.is(error, "MESSAGE_TOO_LARGE")) throw error;
      const message = `the command with the node's arguments is too large to send (${error.message}): pass a reference to the data instead`;
      await this.#fail(ref, { reasonCode: "external_command_too_large", message });
    }
  }

  /** Its lease has expired, but its worker may still be alive. */
  async leaseLost({ type, history, ...ref }: ShardRecord): Promise<void> {
    const last = history.at(-1);
    if (last?.workerId === undefined) return;
    const { workerId, epoch } = last;
    await sendCancel(this.#parts.bus, { ref: { ...ref, epoch }, type, workerId, reason: "lease_lost" });
  }

  /** Re-issues commands that were not accepted in time under the next epoch. */
  async look(): Promise<void> {
    const { store, clock, external } = this.#parts;
    const queued = await store.peekQueue([...external.types], maxLookedAt);
    const now = clock.monotonic();
    const still = new Map<string, Waiting>();
    for (const ref of queued) {
      const key = `${shardKey(ref)}:${ref.epoch}`;
      const known = this.#waiting.get(key) ?? { since: now, patienceMs: await this.#patienceMs(ref) };
      if (now - known.since < known.patienceMs) still.set(key, known);
    }
    const late = queued.filter((ref) => !still.has(`${shardKey(ref)}:${ref.epoch}`));
    this.#waiting = still;
    for (const ref of late) await this.#again(ref);
  }

  /** A command that cannot be sent does not prevent the others. */
  async #again(ref: EpochRef): Promise<void> {
    const { store, logger } = this.#parts;
    try {
      const record = await store.supersede(epochRef(ref));
      if (record !== undefined) await this.command(record);
    } catch (error) {
      if (FlowError.is(error, "STORE_UNAVAILABLE")) throw error;
      logger.error({ ...epochRef(ref), err: error }, "a command could not be sent again; will retry later");
    }
  }

  async #patienceMs(ref: EpochRef): Promise<number> {
    const history = (await readRecord(this.#parts.store, ref))?.history ?? [];
    const times = history.length - 1 - history.findLastIndex(({ cause }) => cause !== "supersede");
    return this.#parts.acceptMs * 2 ** Math.min(times, maxDoublings);
  }

  async #prepare(ref: EpochRef, node: NodePlan): Promise<UnreadableSource | undefined> {
    const { store, rows } = this.#parts;
    const records = await store.readShards(ref.taskId, externalSources(node));
    const generation = ref.epoch === 1 ? 0 : ((await readRecord(store, ref))?.generation ?? 0);
    return rows.prepare({ ...epochRef(ref), generation }, { records, longest: longestSource });
  }

  /** No worker can run it: claims the attempt, unless a worker has, and fails it like any other. */
  async #fail(ref: EpochRef, problem: Pick<Failure, "reasonCode" | "message">): Promise<void> {
    const { store, ids, coordinatorId, nodeChanged } = this.#parts;
    const { taskId, nodeId, shard, epoch } = ref;
    const attempt = { ...epochRef(ref), claimId: ids.next() };
    const claimed = await store.claim(ref, { workerId: coordinatorId, claimId: attempt.claimId, leaseMs: ownClaimMs });
    if (claimed === undefined) return;
    const failure = { nodeId, shard, epoch, ...problem };
    await store.fail(attempt, { failure, permanent: true, delayMs: 0, maxFailures: 1 });
    await nodeChanged(taskId, nodeId);
  }
}

/** In a task that is ending, only handlers of outcomes and their descendants continue. */
const runsOn = ({ task, plan, node }: PlannedNode): boolean =>
  task.status === "running" || (task.status === "cancelling" && !task.cancelsAll && plan.handling.has(node.id));

/** The failure of a node whose worker cannot read its source. */
export function unreadableFailure({
  nodeId: source,
  problem,
}: UnreadableSource): Pick<Failure, "reasonCode" | "message"> {
  const text =
    problem === "too_long"
      ? `'${source}' has more than ${longestSource} batches, the most that its worker reads: make fewer, larger ones`
      : `'${source}' has a batch that is not an object, but its worker reads only objects`;
  return { reasonCode: `foreign_source_${problem}`, message: text };
}
