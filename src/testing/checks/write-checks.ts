import type { MemoryState, MemoryStoreEvent } from "../../adapters/memory/index.ts";
import { type ShardRecord, type ShardRef, shardKey } from "../../engine/model.ts";
import { coordinatorFnType } from "../../graph/index.ts";
import type { Scheduler } from "../gate/scheduler.ts";
import type { Journal } from "../world/journal.ts";
import { checkDispatch } from "./dispatch-check.ts";
import { checkFinish } from "./finish-check.ts";
import { LogChecks } from "./log-checks.ts";

type ShardEvent = MemoryStoreEvent & { readonly kind: "shard" };

/** The tables of the specification, written down a second time: a mistake in the engine's own must not excuse itself. */
const shardMoves: Readonly<Record<string, readonly string[]>> = {
  absent: ["queued", "cancelled"],
  queued: ["running", "cancelled"],
  running: ["finished", "failed", "deferred", "queued", "cancelling"],
  deferred: ["queued", "cancelled"],
  cancelling: ["cancelled"],
};
const taskMoves: Readonly<Record<string, readonly string[]>> = {
  absent: ["running"],
  running: ["finished", "cancelling"],
  cancelling: ["failed", "cancelled"],
};

/** What must hold at every write, looked at in the very step that makes it. */
export class WriteChecks {
  readonly #state: MemoryState;
  readonly #journal: Journal;
  readonly #scheduler: Scheduler;
  readonly #maxLostLeases: number;
  readonly #logs: LogChecks;
  readonly #epochs = new Map<string, number>();
  readonly #claimed = new Map<string, number>();
  /** Store time at which the lease, or the grace, is over. */
  readonly #leases = new Map<string, number>();

  constructor(options: {
    readonly state: MemoryState;
    readonly journal: Journal;
    readonly scheduler: Scheduler;
    readonly maxLostLeases: number;
  }) {
    this.#state = options.state;
    this.#journal = options.journal;
    this.#scheduler = options.scheduler;
    this.#maxLostLeases = options.maxLostLeases;
    this.#logs = new LogChecks(options.state, options.journal.counts, this.#violated);
  }

  readonly observe = (event: MemoryStoreEvent): void => {
    switch (event.kind) {
      case "task":
        return this.#task(event);
      case "vars":
        return this.#vars(event);
      case "shard":
        return this.#shard(event);
      case "restarted":
        return this.#logs.restarted(event.record);
      case "artifact":
        return this.#logs.artifact(event);
      case "log_closed":
        return this.#logs.closed(event);
      case "renewed":
        this.#leases.set(shardKey(event.record), expiresAt(event.record));
        if (event.record.status !== "running") this.#violated(event.record, `renewed while ${event.record.status}`);
    }
  };

  readonly #violated = (ref: ShardRef | string, what: string): void => {
    const name = typeof ref === "string" ? ref : shardKey(ref);
    this.#journal.violated(`step ${this.#scheduler.steps}: ${name}: ${what}`);
  };

  #task({ taskId, from, to }: MemoryStoreEvent & { readonly kind: "task" }): void {
    if (!taskMoves[from]?.includes(to)) this.#violated(taskId, `task ${from} -> ${to}`);
    const entry = this.#state.tasks.get(taskId);
    if (to !== "finished" && to !== "failed" && to !== "cancelled") return;
    for (const node of entry?.record.graph.nodes ?? []) {
      for (let shard = 0; shard < (node.partitions ?? 1); shard++) {
        const status = entry?.nodes.get(node.node_id)?.shards[shard]?.record.status ?? "absent";
        const closed = status === "finished" || (to !== "finished" && (status === "failed" || status === "cancelled"));
        if (!closed) this.#violated(taskId, `${to} while ${node.node_id}/${shard} is ${status}`);
      }
    }
  }

  /** Each node's change is in there once: the counter is the sum of those that were applied. */
  #vars({ taskId, vars }: MemoryStoreEvent & { readonly kind: "vars" }): void {
    const nodes = this.#state.tasks.get(taskId)?.record.graph.nodes ?? [];
    const steps = vars.appliedBy.map((id) => Number(nodes.find((node) => node.node_id === id)?.io?.fn_args?.by));
    const sum = steps.reduce((total, by) => total + by, 0);
    if (new Set(vars.appliedBy).size !== vars.appliedBy.length) this.#violated(taskId, "vars applied twice by a node");
    if (vars.vars.count !== sum) this.#violated(taskId, `vars.count is ${vars.vars.count}, the nodes add to ${sum}`);
  }

  #shard({ from, cause, record }: ShardEvent): void {
    const key = shardKey(record);
    if (!shardMoves[from]?.includes(record.status)) this.#violated(record, `${from} -> ${record.status} by ${cause}`);
    if ((this.#epochs.get(key) ?? 0) > record.epoch) this.#violated(record, "its epoch went back");
    this.#epochs.set(key, record.epoch);
    const task = this.#state.tasks.get(record.taskId)?.record;
    if (cause === "dispatch") checkDispatch(this.#state, record, this.#violated);
    if (cause === "claim") this.#claim(record);
    if (cause === "complete") checkFinish(this.#state, record, this.#violated);
    if (cause === "release") this.#journal.counts.released++;
    if (cause === "expire") this.#expire(record);
    this.#leases.set(key, expiresAt(record));
    if (task !== undefined && task.status !== "running" && task.status !== "cancelling") {
      this.#violated(record, `${cause} after its task was ${task.status}`);
    }
    this.#limits(record, cause);
  }

  #claim(record: ShardRecord): void {
    this.#journal.counts.claims++;
    const key = shardKey(record);
    if ((this.#claimed.get(key) ?? 0) >= record.epoch) this.#violated(record, `epoch ${record.epoch} claimed twice`);
    this.#claimed.set(key, record.epoch);
    this.#logs.claimed(record);
  }

  #expire(record: ShardRecord): void {
    this.#journal.counts.requeued++;
    const until = this.#leases.get(shardKey(record)) ?? 0;
    if (until > this.#scheduler.now) this.#violated(record, `its lease was taken ${until - this.#scheduler.now} ms early`);
  }

  #limits(record: ShardRecord, cause: ShardEvent["cause"]): void {
    const node = this.#state.tasks
      .get(record.taskId)
      ?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
    if (node === undefined) return this.#violated(record, "no node of its graph");
    const policy = { max: 2, permanent_on: ["bad_input", "schema_mismatch"], ...node.retry_policy };
    if (record.failures > policy.max + 1) this.#violated(record, `${record.failures} attempts failed`);
    if (record.lost > this.#maxLostLeases + 1) this.#violated(record, `${record.lost} leases lost`);
    const reason = record.history.at(-1)?.reasonCode;
    if (cause === "fail" && record.status === "deferred") {
      if (record.failures > policy.max) this.#violated(record, "tried again with its retries used up");
      if (reason !== undefined && policy.permanent_on.includes(reason)) {
        this.#violated(record, `tried again after ${reason}, which is permanent`);
      }
    }
    if (record.type === coordinatorFnType && record.generation > 0) this.#violated(record, "a function restarted");
  }
}

const expiresAt = ({ lease, cancelBy }: ShardRecord): number =>
  Math.min(lease?.deadline ?? Number.POSITIVE_INFINITY, cancelBy ?? Number.POSITIVE_INFINITY);
