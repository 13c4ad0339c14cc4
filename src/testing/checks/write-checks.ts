import { match } from "ts-pattern";
import type { MemoryStoreEvent } from "../../adapters/memory/index.ts";
import { isTaskTerminal, type ShardRef, shardKey, type TaskStatus } from "../../engine/model.ts";
import { sortKeys } from "../../graph/stable-json.ts";
import { BackpressureCheck } from "./backpressure-check.ts";
import type { CheckParts } from "./check-parts.ts";
import { DeadlineCheck } from "./deadline-check.ts";
import { LogChecks } from "./log-checks.ts";
import { varsAfter } from "./reference-vars.ts";
import { ReportChecks } from "./report-checks.ts";
import { ShardChecks } from "./shard-checks.ts";

/** The table of the specification, written down a second time: a mistake in the engine's own must not excuse itself. */
const moves: Readonly<Record<TaskStatus | "absent", readonly TaskStatus[]>> = {
  absent: ["running"],
  running: ["finished", "cancelling"],
  cancelling: ["failed", "cancelled"],
  finished: [],
  failed: [],
  cancelled: [],
};

/** What must hold at every write, looked at in the very step that makes it. */
export class WriteChecks {
  readonly #parts: CheckParts;
  readonly #logs: LogChecks;
  readonly #shards: ShardChecks;
  readonly #deadlines: DeadlineCheck;
  readonly #reports: ReportChecks;
  readonly #backpressure: BackpressureCheck;

  constructor(parts: CheckParts) {
    this.#parts = parts;
    const violated = (ref: ShardRef, what: string) => this.#violated(shardKey(ref), what);
    this.#logs = new LogChecks(parts, violated);
    this.#reports = new ReportChecks(parts, violated);
    this.#backpressure = new BackpressureCheck(parts.state, violated);
    this.#shards = new ShardChecks({ ...parts, logs: this.#logs, violated });
    this.#deadlines = new DeadlineCheck(parts, (key, what) => this.#violated(key, what));
  }

  readonly observe = (event: MemoryStoreEvent): void => {
    match(event)
      .with({ kind: "task" }, (write) => this.#task(write))
      .with({ kind: "vars" }, (write) => this.#vars(write))
      .with({ kind: "shard" }, (write) => {
        this.#shards.moved(write);
        this.#deadlines.shard(write);
      })
      .with({ kind: "renewed" }, ({ record }) => this.#shards.renewed(record))
      .with({ kind: "restarted" }, ({ record }) => {
        this.#logs.restarted(record);
        this.#reports.restarted(record);
      })
      .with({ kind: "artifact" }, (write) => {
        this.#logs.artifact(write);
        this.#backpressure.artifact(write);
      })
      .with({ kind: "reported" }, ({ record }) => {
        this.#reports.reported(record);
        this.#backpressure.reported(record);
      })
      .with({ kind: "slots" }, () => undefined) // no world has limits
      .with({ kind: "log_closed" }, (write) => this.#logs.closed(write))
      .exhaustive();
  };

  #violated(name: string, what: string): void {
    const { journal, scheduler } = this.#parts;
    journal.violated(`step ${scheduler.steps}: ${name}: ${what}`);
  }

  /** A task ends when all that belongs to it has. */
  #task({ taskId, from, to }: MemoryStoreEvent & { readonly kind: "task" }): void {
    if (!moves[from].includes(to)) this.#violated(taskId, `task ${from} -> ${to}`);
    this.#deadlines.task(taskId, from, to);
    if (!isTaskTerminal(to)) return;
    const entry = this.#parts.state.tasks.get(taskId);
    for (const node of entry?.record.graph.nodes ?? []) {
      for (let shard = 0; shard < (node.partitions ?? 1); shard++) {
        const status = entry?.nodes.get(node.node_id)?.shards[shard]?.record.status ?? "absent";
        const closed = status === "finished" || (to !== "finished" && (status === "failed" || status === "cancelled"));
        if (!closed) this.#violated(taskId, `${to} while ${node.node_id}/${shard} is ${status}`);
      }
    }
  }

  /** Each node's change is in there once, and on top of those before it. */
  #vars({ taskId, vars }: MemoryStoreEvent & { readonly kind: "vars" }): void {
    if (new Set(vars.appliedBy).size !== vars.appliedBy.length) this.#violated(taskId, "vars applied twice by a node");
    if (!this.#parts.workload.isKnown) return;
    const nodes = this.#parts.state.tasks.get(taskId)?.record.graph.nodes ?? [];
    const [found, wanted] = [vars.vars, varsAfter(nodes, vars.appliedBy)].map((each) => JSON.stringify(sortKeys(each)));
    if (found !== wanted) this.#violated(taskId, `its vars are ${found}, the nodes make ${wanted}`);
  }
}
