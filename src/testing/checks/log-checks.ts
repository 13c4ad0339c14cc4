import type { MemoryState, MemoryStoreEvent } from "../../adapters/memory/index.ts";
import { type Artifact, type Origin, type ShardRecord, type ShardRef, shardKey } from "../../core/model/records.ts";
import type { RunningLimits } from "../../core/worker/attempt/worker-options.ts";
import { shardOf } from "../../core/worker/input/index.ts";
import type { SourceArgs } from "../cluster/computation.ts";
import type { SimulationMode } from "../cluster/fault-rates.ts";
import type { Journal } from "../cluster/journal.ts";
import type { Workload } from "../cluster/workload.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";

/** What the write checks inspect, and where they report. */
export interface CheckParts {
  readonly state: MemoryState;
  readonly journal: Journal;
  readonly scheduler: Scheduler;
  readonly mode: SimulationMode;
  readonly workload: Workload;
  readonly maxLostLeases: number;
  readonly running: RunningLimits;
  /** The store's clock, which its deadlines refer to. */
  readonly storeNow: () => number;
}

/** What the checks have seen of one log: one generation of a shard's output. */
interface SeenLog {
  length: number;
  epoch: number;
  closed: boolean;
  readonly uids: Set<string>;
  /** By claim and source: the origin of the last batch. */
  readonly origins: Map<string, Origin>;
}

/** Law 2 and related rules: artifacts without gaps or duplicates, in epoch order, none after the end of the log. */
export class LogChecks {
  readonly #state: CheckParts["state"];
  readonly #workload: CheckParts["workload"];
  readonly #counts: CheckParts["journal"]["counts"];
  readonly #archive: CheckParts["journal"]["archive"];
  readonly #places: CheckParts["journal"]["places"];
  readonly #violated: (ref: ShardRef, what: string) => void;
  readonly #logs = new Map<string, SeenLog>();
  readonly #generations = new Map<string, number>();
  /** By claim: artifacts stored after it had lost its lease. */
  readonly #late = new Map<string, number>();

  constructor(parts: CheckParts, violated: (ref: ShardRef, what: string) => void) {
    this.#state = parts.state;
    this.#workload = parts.workload;
    this.#counts = parts.journal.counts;
    this.#archive = parts.journal.archive;
    this.#places = parts.journal.places;
    this.#violated = violated;
  }

  claimed(record: ShardRecord): void {
    this.#generations.set(shardKey(record), record.generation);
  }

  restarted(record: ShardRecord): void {
    this.#counts.restarts++;
    const before = this.#generations.get(shardKey(record)) ?? 0;
    // A restart that is repeated after a lost answer sets the same values.
    const raised = record.generation === before + 1 || record.generation === before;
    if (!raised) this.#violated(record, `generation ${before} -> ${record.generation}`);
    this.#generations.set(shardKey(record), record.generation);
  }

  artifact({ ref, generation, artifact }: MemoryStoreEvent & { readonly kind: "artifact" }): void {
    this.#counts.appends++;
    this.#archive.add(ref, generation, artifact);
    if ((this.#state.shard(ref)?.logs[generation]?.dropped ?? 0) > 0) this.#counts.behindDropped++;
    const log = this.#log(ref, generation);
    if (artifact.seq !== log.length) this.#violated(ref, `seq ${artifact.seq} after ${log.length} artifacts`);
    if (log.uids.has(artifact.uid)) this.#violated(ref, `uid ${artifact.uid} twice`);
    if (log.closed) this.#violated(ref, "an artifact after the complete marker");
    if (artifact.epoch < log.epoch) this.#violated(ref, `epoch ${artifact.epoch} wrote after epoch ${log.epoch}`);
    const record = this.#state.shard(ref)?.record;
    const continues = log.length > 0 && artifact.epoch !== log.epoch;
    if (continues && record !== undefined && !this.#workload.isResumable(record.type)) {
      this.#violated(
        ref,
        `epoch ${artifact.epoch} continues the log of epoch ${log.epoch}, but its handler is not resumable`,
      );
    }
    this.#inOrder(ref, log, artifact);
    this.#inPlace(ref, artifact);
    log.length++;
    log.uids.add(artifact.uid);
    log.epoch = Math.max(log.epoch, artifact.epoch);
    if (record?.status === "finished" && record.generation === generation) {
      this.#violated(ref, "an artifact after the shard finished");
    }
    if (record?.lease?.claimId !== artifact.claimId) this.#lateArtifact(ref, artifact.claimId);
  }

  closed({ ref, generation, count }: MemoryStoreEvent & { readonly kind: "log_closed" }): void {
    const log = this.#log(ref, generation);
    if (log.length !== count) this.#violated(ref, `closed at ${count} with ${log.length} artifacts`);
    log.closed = true;
  }

  /** However many batches an attempt processes concurrently, it stores them in input order. */
  #inOrder(ref: ShardRef, log: SeenLog, { claimId, origin }: Artifact): void {
    const key = `${claimId} ${origin.source}`;
    const before = log.origins.get(key);
    log.origins.set(key, origin);
    if (before === undefined) return;
    const isLater = origin.seq > before.seq || (origin.seq === before.seq && origin.chunk > before.chunk);
    if (!isLater) this.#violated(ref, `stored ${JSON.stringify(origin)} after ${JSON.stringify(before)}`);
  }

  /** The origin of a source's batch is its index among all batches that the attempt yielded, stored ones included. */
  #inPlace(ref: ShardRef, { uid, epoch, origin }: Artifact): void {
    const places = this.#places.of({ ...ref, epoch }, uid);
    if (places === undefined || places.has(origin.seq)) return;
    this.#violated(ref, `batch ${uid} has index ${origin.seq}, but was yielded at ${[...places].join(" and ")}`);
  }

  #lateArtifact(ref: ShardRef, claimId: string): void {
    this.#counts.lateAppends++;
    const late = (this.#late.get(claimId) ?? 0) + 1;
    this.#late.set(claimId, late);
    if (late > 1) this.#violated(ref, `${late} artifacts of claim ${claimId} after it lost its lease`);
  }

  #log(ref: ShardRef, generation: number): SeenLog {
    const key = `${shardKey(ref)}/${generation}`;
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = { length: 0, epoch: 0, closed: false, uids: new Set(), origins: new Map() };
      this.#logs.set(key, log);
    }
    return log;
  }
}

/** What attempts report never goes backwards, and does not outlive the log that it belongs to. */
export class ReportChecks {
  readonly #state: CheckParts["state"];
  readonly #journal: CheckParts["journal"];
  /** The checkpoints of users' handlers are arbitrary values. */
  readonly #knowsCheckpoints: boolean;
  readonly #violated: (ref: ShardRef, what: string) => void;
  /** As of the previous write. */
  readonly #records = new Map<string, ShardRecord>();

  constructor({ state, journal, workload }: CheckParts, violated: (ref: ShardRef, what: string) => void) {
    this.#state = state;
    this.#journal = journal;
    this.#knowsCheckpoints = workload.isKnown;
    this.#violated = violated;
  }

  reported(record: ShardRecord): void {
    const key = shardKey(record);
    const before = this.#records.get(key);
    this.#records.set(key, record);
    if (this.#knowsCheckpoints) this.#checkpoint(record, before);
    if (before?.generation !== record.generation) return;
    for (const [source, seq] of Object.entries(before.cursors ?? {})) {
      const now = record.cursors?.[source] ?? 0;
      if (now < seq) this.#violated(record, `its cursor of ${source} went back from ${seq} to ${now}`);
    }
  }

  #checkpoint(record: ShardRecord, before: ShardRecord | undefined): void {
    const checkpoint = numberOf(record);
    if (record.checkpoint !== undefined && this.#journal.checkpoints.isWithdrawn(record, checkpoint)) {
      this.#violated(record, `checkpoint ${checkpoint} belongs to a withdrawn log`);
    }
    if (before?.generation !== record.generation) return;
    if (checkpoint < numberOf(before)) this.#violated(record, `checkpoint ${checkpoint} after ${numberOf(before)}`);
    if (checkpoint > numberOf(before)) this.#storedBefore(record);
  }

  /** A source that resumes from its checkpoint does not yield earlier batches again, so they must be stored. */
  #storedBefore(record: ShardRecord): void {
    const nodes = this.#state.tasks.get(record.taskId)?.record.graph.nodes ?? [];
    const node = nodes.find(({ node_id }) => node_id === record.nodeId);
    const { saves, partitions } = (node?.io?.input_inline ?? {}) as Partial<SourceArgs>;
    if (saves !== true) return;
    for (let index = 0; index < numberOf(record); index++) {
      const uid = `b${index}`;
      if (shardOf(uid, partitions ?? 1) !== record.shard || this.#journal.archive.has(record, uid)) continue;
      this.#violated(record, `checkpoint ${numberOf(record)} is stored, but the earlier batch ${uid} is not`);
    }
  }

  restarted(record: ShardRecord): void {
    const key = shardKey(record);
    if (this.#records.get(key)?.generation === record.generation) return; // repeated
    this.#records.set(key, record);
    this.#journal.checkpoints.restarted(record);
    if (record.checkpoint !== undefined) this.#violated(record, "a restart kept the checkpoint");
    if (record.cursors !== undefined) this.#violated(record, "a restart kept the cursors");
  }
}

const numberOf = ({ checkpoint }: ShardRecord): number => Number(checkpoint ?? 0);
