import { isDeepStrictEqual } from "node:util";
import { match } from "ts-pattern";
import type { MemoryState, MemoryStoreEvent } from "../../adapters/memory/index.ts";
import {
  type Cause,
  isTaskTerminal,
  type ShardRecord,
  type ShardRef,
  shardKey,
  sourceKey,
  type TaskRecord,
  type TaskStatus,
} from "../../core/model/records.ts";
import { sortKeys } from "../../graph/format/plain-data.ts";
import { times } from "../cluster/process.ts";
import { varsAfter } from "../cluster/vars-changes.ts";
import { CarriedChecks } from "./carried-checks.ts";
import { checkChild } from "./child-checks.ts";
import { ControlChecks, isClosedShard } from "./control-checks.ts";
import { type CheckParts, LogChecks, ReportChecks } from "./log-checks.ts";
import { retryPolicyOf } from "./reference.ts";
import { ShardChecks } from "./shard-checks.ts";

/** The specification's table of transitions, written out independently: the engine's own may contain the mistake. */
const transitions: Readonly<Record<TaskStatus | "absent", readonly TaskStatus[]>> = {
  absent: ["running"],
  running: ["running", "finished", "cancelling"],
  cancelling: ["cancelling", "failed", "cancelled"],
  finished: [],
  failed: [],
  cancelled: [],
};

/** What must hold at every write, checked in the step that makes it. */
export class WriteChecks {
  readonly #parts: CheckParts;
  readonly #logs: LogChecks;
  readonly #shards: ShardChecks;
  readonly #deadlines: DeadlineCheck;
  readonly #reports: ReportChecks;
  readonly #backpressure: BackpressureCheck;
  readonly #carried: CarriedChecks;
  readonly #control: ControlChecks;
  /** By task, as of the previous write. */
  readonly #signals = new Map<string, NonNullable<TaskRecord["signals"]>>();

  constructor(parts: CheckParts) {
    this.#parts = parts;
    const violated = (ref: ShardRef, what: string) => this.#violated(shardKey(ref), what);
    this.#logs = new LogChecks(parts, violated);
    this.#reports = new ReportChecks(parts, violated);
    this.#backpressure = new BackpressureCheck(parts.state, violated);
    this.#carried = new CarriedChecks(parts, violated);
    this.#control = new ControlChecks(parts, (key, what) => this.#violated(key, what));
    this.#shards = new ShardChecks({ ...parts, logs: this.#logs, violated });
    this.#deadlines = new DeadlineCheck(parts, (key, what) => this.#violated(key, what));
  }

  readonly observe = (event: MemoryStoreEvent): void => {
    match(event)
      .with({ kind: "task" }, (write) => this.#task(write))
      .with({ kind: "vars" }, (write) => this.#vars(write))
      .with({ kind: "shard" }, (write) => {
        this.#shards.transition(write);
        this.#carried.transition(write);
        this.#control.transition(write);
        this.#deadlines.shard(write);
      })
      .with({ kind: "renewed" }, ({ record }) => this.#shards.renewed(record))
      .with({ kind: "restarted" }, ({ record }) => {
        this.#logs.restarted(record);
        this.#reports.restarted(record);
        this.#carried.restarted(record);
      })
      .with({ kind: "artifact" }, (write) => {
        this.#logs.artifact(write);
        this.#carried.artifact(write);
        this.#backpressure.artifact(write);
      })
      .with({ kind: "reported" }, ({ record }) => {
        this.#reports.reported(record);
        this.#backpressure.reported(record);
      })
      .with({ kind: "slots" }, () => undefined) // the limits are counted from the records
      .with({ kind: "entry" }, ({ of }) => {
        const wrong = of.kind === "rate" ? this.#parts.journal.rates.took(of.id, this.#parts.storeNow()) : undefined;
        if (wrong !== undefined) this.#violated(of.id, wrong);
      })
      .with({ kind: "log_closed" }, (write) => this.#logs.closed(write))
      .exhaustive();
  };

  #violated(name: string, what: string): void {
    const { journal, scheduler } = this.#parts;
    journal.violated(`step ${scheduler.steps}: ${name}: ${what}`);
  }

  /** A task ends only when all of its shards have. */
  #task({ taskId, from, to }: MemoryStoreEvent & { readonly kind: "task" }): void {
    if (!transitions[from].includes(to)) this.#violated(taskId, `task ${from} -> ${to}`);
    this.#deadlines.task(taskId, from, to);
    const created = from === "absent" ? this.#parts.state.tasks.get(taskId) : undefined;
    if (created !== undefined) this.#parts.journal.rates.created(created.record, this.#parts.running);
    if (created !== undefined) for (const wrong of checkChild(this.#parts, created)) this.#violated(taskId, wrong);
    this.#control.task(taskId, from);
    if (to !== "running") this.#parts.journal.asked.ending(taskId);
    const entry = this.#parts.state.tasks.get(taskId);
    if (entry !== undefined) this.#checkSignals(entry.record, from);
    if (!isTaskTerminal(to)) return;
    for (const node of entry?.record.graph.nodes ?? []) {
      for (let shard = 0; shard < (node.partitions ?? 1); shard++) {
        const record = entry?.nodes.get(node.node_id)?.shards[shard]?.record;
        const status = record?.status ?? "absent";
        const ended = to !== "finished" && (status === "failed" || status === "cancelled");
        if (!ended && (record === undefined || !isClosedShard(record)))
          this.#violated(taskId, `${to} while ${node.node_id}/${shard} is ${status}`);
      }
    }
  }

  /** The end of a wait is written once: a signal that was sent, or the timeout. A retry starts with the earlier signals. */
  #checkSignals({ id: taskId, retryOf = "", graph, signals = {} }: TaskRecord, from: TaskStatus | "absent"): void {
    const { journal, state, storeNow } = this.#parts;
    const lent = Object.entries(state.tasks.get(retryOf)?.record.signals ?? {});
    const inherited = Object.fromEntries(lent.filter(([, { payload }]) => payload !== undefined));
    const before = from === "absent" ? inherited : (this.#signals.get(taskId) ?? {});
    this.#signals.set(taskId, signals);
    for (const [nodeId, signal] of Object.entries(before)) {
      if (!isDeepStrictEqual(signals[nodeId], signal)) this.#violated(`${taskId}:${nodeId}`, "its signal was changed");
    }
    for (const [nodeId, { payload }] of Object.entries(signals)) {
      if (before[nodeId] !== undefined) continue;
      const ref = { taskId, nodeId };
      if (payload !== undefined) {
        const sent = journal.asked.signalOf(ref)?.sent.has(JSON.stringify(payload)) ?? false;
        if (!sent) this.#violated(`${taskId}:${nodeId}`, `its signal ${JSON.stringify(payload)} was never sent`);
        continue;
      }
      journal.counts.waitsTimedOut++;
      const limit = graph.nodes.find(({ node_id }) => node_id === nodeId)?.timeout_sec ?? Number.POSITIVE_INFINITY;
      const since = state.shard({ ...ref, shard: 0 })?.record.history[0]?.at ?? Number.POSITIVE_INFINITY;
      const earlyMs = since + limit * 1_000 - storeNow();
      if (earlyMs > 0) this.#violated(`${taskId}:${nodeId}`, `its wait ended ${earlyMs} ms before its time`);
    }
  }

  /** Each node's change is applied once, on top of the earlier ones. */
  #vars({ taskId, vars }: MemoryStoreEvent & { readonly kind: "vars" }): void {
    if (new Set(vars.appliedBy).size !== vars.appliedBy.length)
      this.#violated(taskId, "a node's change to the vars was applied twice");
    if (!this.#parts.workload.isKnown) return;
    const nodes = this.#parts.state.tasks.get(taskId)?.record.graph.nodes ?? [];
    const [found, wanted] = [vars.vars, varsAfter(nodes, vars.appliedBy)].map((each) => JSON.stringify(sortKeys(each)));
    if (found !== wanted) this.#violated(taskId, `its vars are ${found}, expected ${wanted}`);
  }
}

/**
 * A source with `max_pending_batches` stores nothing that makes a consumer lag further, once it could see the consumer's
 * position. Before that, it stores half of the limit, with one more insert in flight, or up to the limit if the consumer
 * starts over, since the earlier position allowed that. Carried artifacts are exempt: they are only copied.
 */
export class BackpressureCheck {
  readonly #state: MemoryState;
  readonly #violated: (ref: ShardRef, what: string) => void;
  /** By the consumer's claim and the source's log: the log's length when the consumer began to read it. */
  readonly #since = new Map<string, { length: number; cursor: number; output: number; startedOver: boolean }>();

  constructor(state: MemoryState, violated: (ref: ShardRef, what: string) => void) {
    this.#state = state;
    this.#violated = violated;
  }

  reported({ taskId, lease, cursors, sourceGens, generation: output }: ShardRecord): void {
    for (const [source, cursor] of Object.entries(cursors ?? {})) {
      const [nodeId = "", shard] = source.split("/");
      const generation = sourceGens[source] ?? 0;
      const key = `${lease?.claimId} ${source} ${generation}`;
      const log = this.#state.shard({ taskId, nodeId, shard: Number(shard) })?.logs[generation];
      const before = this.#since.get(key);
      // A consumer that restarts its output has no position until it reports one again, from the beginning.
      if (before === undefined || before.output !== output) {
        this.#since.set(key, { length: log?.length ?? 0, cursor, output, startedOver: before !== undefined });
      } else before.cursor = cursor;
    }
  }

  artifact({ ref, generation, artifact }: MemoryStoreEvent & { readonly kind: "artifact" }): void {
    const task = this.#state.tasks.get(ref.taskId);
    const max = task?.record.graph.nodes.find(({ node_id }) => node_id === ref.nodeId)?.io?.max_pending_batches;
    if (task === undefined || max === undefined) return;
    const { carried } = this.#state.shard(ref)?.record ?? {};
    if (artifact.seq < (carried?.length ?? 0)) return; // a carried artifact
    const source = sourceKey(ref.nodeId, ref.shard);
    const entries = [...task.nodes.values()].flatMap(({ shards }) => shards.flatMap((entry) => entry ?? []));
    for (const { record } of entries) {
      const cursor = record.cursors?.[source];
      if (cursor === undefined || record.status !== "running" || (record.sourceGens[source] ?? 0) !== generation)
        continue;
      const since = this.#since.get(`${record.lease?.claimId} ${source} ${generation}`);
      if (since === undefined) continue;
      const unseen = since.startedOver ? Number(max) : Math.ceil(Number(max) / 2) + 1;
      if (artifact.seq <= since.length + unseen) continue;
      const pending = artifact.seq + 1 - cursor;
      if (pending > Number(max)) this.#violated(ref, `${shardKey(record)} is ${pending} batches behind, of ${max}`);
    }
  }
}

/** The next tick finds a passed deadline; clocks differ slightly. */
const latestMs = times.tickMs * 1.1;
/** A coordinator sleeps until a retry is due, on a clock that drifts. */
const retryLatestMs = (waitMs: number): number => 5 + waitMs * 0.02;

/** A point in time that something waits for. */
interface Due {
  /** By the store's clock. */
  readonly at: number;
  /** By true time. */
  readonly trueAt: number;
  readonly waitMs: number;
}

/**
 * By the store's clock, a task fails by its deadline, and a retry begins, no earlier than due. Without faults it is
 * hardly later by true time; the store's clock cannot prove that, because it might stand still.
 */
export class DeadlineCheck {
  readonly #parts: CheckParts;
  readonly #violated: (key: string, what: string) => void;
  readonly #deadlines = new Map<string, Due>();
  readonly #retries = new Map<string, Due>();

  constructor(parts: CheckParts, violated: (key: string, what: string) => void) {
    this.#parts = parts;
    this.#violated = violated;
  }

  /** At each transition of a task: how long it kept running past its deadline. */
  task(taskId: string, from: TaskStatus | "absent", to: TaskStatus): void {
    const { state, scheduler, mode, storeNow } = this.#parts;
    const task = state.tasks.get(taskId)?.record;
    if (task?.deadlineAt === undefined) return;
    if (from === "absent") this.#deadlines.set(taskId, this.#due(task.deadlineAt));
    const due = this.#deadlines.get(taskId);
    if (from !== "running" || due === undefined) return;
    const earlyMs = due.at - storeNow();
    const failedByIt = to === "cancelling" && task.failure?.reasonCode === "deadline_exceeded";
    if (failedByIt && earlyMs > 0) this.#violated(taskId, `failed ${earlyMs} ms before its deadline`);
    const lateMs = scheduler.now - due.trueAt;
    if (mode === "calm" && lateMs > latestMs)
      this.#violated(taskId, `kept running for ${lateMs} ms after its deadline`);
  }

  /** At each transition of a shard: how early or late it was retried. */
  shard({ cause, record }: MemoryStoreEvent & { readonly kind: "shard" }): void {
    const { journal, scheduler, mode, storeNow } = this.#parts;
    const key = shardKey(record);
    const due = this.#retries.get(key);
    this.#retries.delete(key);
    if (cause === "dispatch") this.#dispatched(record);
    if (record.status === "deferred") this.#deferred(cause, record);
    if (cause !== "requeue") return;
    journal.counts.requeued++;
    const earlyMs = (due?.at ?? Number.POSITIVE_INFINITY) - storeNow();
    if (due === undefined || earlyMs > 0) {
      this.#violated(key, `retried ${earlyMs} ms before it was due`);
      return;
    }
    const lateMs = scheduler.now - due.trueAt;
    if (mode === "calm" && lateMs > retryLatestMs(due.waitMs)) {
      this.#violated(key, `retried ${lateMs} ms after it was due`);
    }
  }

  /** A node with a delay, or that waits for a signal, is not queued by its dispatch. */
  #dispatched(record: ShardRecord): void {
    const { state, journal } = this.#parts;
    const nodes = state.tasks.get(record.taskId)?.record.graph.nodes ?? [];
    const {
      io,
      timeout_sec: limit = Number.POSITIVE_INFINITY,
      delay_sec = 0,
    } = nodes.find(({ node_id }) => node_id === record.nodeId) ?? {};
    const delayMs = 1_000 * (io?.fn === "wait.signal" ? limit : Number(delay_sec));
    const { readyAt, paused, dueAt = paused?.dueAt ?? (record.status === "queued" ? readyAt : undefined) } = record;
    const until = dueAt ?? Number.POSITIVE_INFINITY;
    if (until !== readyAt + delayMs) this.#violated(shardKey(record), `waits for ${until - readyAt} ms of ${delayMs}`);
    if (delayMs > 0) journal.counts.delayed++;
  }

  #deferred(cause: Cause, record: ShardRecord): void {
    const { state, journal, workload } = this.#parts;
    const key = shardKey(record);
    const { dueAt = record.paused?.dueAt, paused } = record;
    const node = state.tasks.get(record.taskId)?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
    if (dueAt === undefined) {
      const waits = node?.io?.fn === "wait.signal" && node.timeout_sec === undefined && record.epoch === 1;
      if (!waits) this.#violated(key, "deferred without a due time");
      return;
    }
    if ([...journal.sweeping].some(({ alive }) => alive)) journal.counts.deferredInSweep++;
    const due = this.#due(dueAt);
    if (paused === undefined) this.#retries.set(key, due);
    const leastMs = retryPolicyOf(workload, node).leastWaitMs(record.failures);
    // One millisecond of tolerance for rounding.
    if (cause === "fail" && due.waitMs < leastMs - 1) {
      this.#violated(key, `retry ${record.failures} waits for ${due.waitMs} ms of ${leastMs}`);
    }
  }

  #due(at: number): Due {
    const { scheduler, storeNow } = this.#parts;
    const waitMs = Math.max(0, at - storeNow());
    return { at, trueAt: scheduler.now + waitMs, waitMs };
  }
}
