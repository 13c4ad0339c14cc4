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

  /** After its signal has been stored. */
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
   * The records of the task's shards, after a pause or a resume that is recorded in the task has been completed in them.
   * `undefined`: it was paused or resumed meanwhile.
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
      // Two processes may do the opposite at once. Each records it in the task before, and reads the task after it has
      // changed the shards: at least one of them sees what the other did.
      if (((await this.#store.readTask(id))?.paused ?? false) !== paused) return undefined;
      shards = await this.#store.readShards(id);
    }
    for (const shard of paused ? shards : []) {
      const { status, lease } = shard;
      if (status !== "running" || lease === undefined) continue;
      // Sent until it ends: the message may be lost.
      const message = pauseMessage(shard, { workerId: lease.workerId, ...traceOf(task) });
      await this.#bus.publish(topics.signals, lease.workerId, message);
    }
    return shards;
  }

  /** A node that runs on while its task ends is not paused any more, and gets its signal. */
  async goOn(task: TaskRecord, node: NodePlan, shards: readonly ShardRecord[]): Promise<void> {
    for (const shard of shards) {
      if (shard.paused !== undefined && (await this.#store.resumeShard(shard)) !== undefined) this.#onDue(0);
    }
    if (node.wait !== undefined && signalOf(task, node.id) !== undefined) await this.signalled(task.id, node.id);
  }
}

const isPausable = ({ status }: ShardRecord): boolean => !isShardTerminal(status) && status !== "cancelling";
