import { pauseMessage, topics, traceOf } from "../messages/messages.ts";
import { mayWake, signalOf } from "../model/index.ts";
import { isShardTerminal, type ShardRecord, type TaskRecord } from "../model/records.ts";
import type { NodePlan } from "../plan/index.ts";
import type { Bus, Store } from "../ports/index.ts";

export interface TaskMarksOptions {
  readonly store: Store;
  readonly bus: Bus;
  /** Called when a shard is due in `ms`. */
  readonly onDue: (ms: number) => void;
  /** Announces that an attempt can be claimed. */
  readonly command: (record: ShardRecord) => Promise<void>;
}

/**
 * Completes what clients have recorded in a task, in the records of its shards: pauses, resumes and signals. Each may be
 * repeated, by any coordinator, until it is done.
 */
export class TaskMarks {
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #onDue: (ms: number) => void;
  readonly #command: (record: ShardRecord) => Promise<void>;

  constructor({ store, bus, onDue, command }: TaskMarksOptions) {
    this.#store = store;
    this.#bus = bus;
    this.#onDue = onDue;
    this.#command = command;
  }

  /** Wakes the node after its signal has been stored. */
  async signalled(taskId: string, nodeId: string): Promise<void> {
    await this.wake(await this.#store.readShards(taskId, [nodeId]));
  }

  /** A signal that came before the dispatch of its node found nothing to wake. */
  async dispatched(taskId: string, nodeId: string): Promise<void> {
    const task = await this.#store.readTask(taskId);
    if (task !== undefined && signalOf(task, nodeId) !== undefined) await this.signalled(taskId, nodeId);
  }

  async wake(shards: readonly ShardRecord[]): Promise<void> {
    for (const shard of shards) {
      const woken = mayWake(shard) ? await this.#store.wake(shard) : undefined;
      if (woken !== undefined) await this.#command(woken);
    }
  }

  /**
   * Applies a pause or a resume that is recorded in the task to its shards, and returns their records. `undefined` if
   * the task was paused or resumed meanwhile.
   */
  async complete(task: TaskRecord): Promise<readonly ShardRecord[] | undefined> {
    const { id, paused = false } = task;
    let shards = await this.#store.readShards(id);
    const unmarked = shards.filter((shard) => isPausable(shard) && (shard.paused !== undefined) !== paused);
    for (const shard of unmarked) {
      if (paused) await this.#store.pauseShard(shard);
      else if ((await this.#store.resumeShard(shard)) !== undefined) this.#onDue(0);
    }
    if (unmarked.length > 0) {
      // Two processes may pause and resume concurrently. Each writes the task before it changes the shards and reads
      // the task after, so at least one of them sees the other's change.
      if (((await this.#store.readTask(id))?.paused ?? false) !== paused) return undefined;
      shards = await this.#store.readShards(id);
    }
    for (const shard of paused ? shards : []) {
      const { status, lease } = shard;
      if (status !== "running" || lease === undefined) continue;
      // Sent again on each pass until the attempt ends: a message may be lost.
      const message = pauseMessage(shard, { workerId: lease.workerId, ...traceOf(task) });
      await this.#bus.publish(topics.signals, lease.workerId, message);
    }
    return shards;
  }

  /** A node that continues while its task ends is resumed, and receives its signal. */
  async goOn(task: TaskRecord, node: NodePlan, shards: readonly ShardRecord[]): Promise<void> {
    for (const shard of shards) {
      if (shard.paused !== undefined && (await this.#store.resumeShard(shard)) !== undefined) this.#onDue(0);
    }
    if (node.wait !== undefined && signalOf(task, node.id) !== undefined) await this.signalled(task.id, node.id);
  }
}

const isPausable = ({ status }: ShardRecord): boolean => !isShardTerminal(status) && status !== "cancelling";
