import type { MemoryState, MemoryStoreEvent } from "../../adapters/memory/index.ts";
import {
  type Artifact,
  logOf,
  type Position,
  type ShardRecord,
  type ShardRef,
  shardKey,
} from "../../core/model/records.ts";
import type { RunningLimits } from "../../core/worker/attempt/worker-options.ts";
import { shardOf } from "../../core/worker/input/index.ts";
import type { GraphNode } from "../../graph/index.ts";
import type { AllTasks } from "../cluster/archive.ts";
import type { SourceArgs } from "../cluster/computation.ts";
import type { SimulationMode } from "../cluster/fault-rates.ts";
import type { Journal } from "../cluster/journal.ts";
import type { Workload } from "../cluster/workload.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import { hasFailedChild } from "./child-checks.ts";
import { asideOf, batchesOf, readsFailures, retryPolicyOf } from "./reference.ts";

/** What the write checks inspect, and where they report. */
export interface CheckParts {
  readonly allTasks: AllTasks;
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
  /** Batches set aside. */
  aside: number;
  readonly uids: Set<string>;
  readonly sources: Map<string, SeenSource>;
}

/** What a log's origins have stated about one source. */
interface SeenSource {
  readonly stored: Set<string>;
  readonly to: Position;
  readonly open: readonly Position[];
}

const isBefore = (a: Position, b: Position): boolean => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);

/** Law 2 and related rules: artifacts without gaps or duplicates, in epoch order, none after the end of the log. */
export class LogChecks {
  readonly #state: CheckParts["state"];
  readonly #allTasks: AllTasks;
  readonly #workload: CheckParts["workload"];
  readonly #journal: CheckParts["journal"];
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
    this.#allTasks = parts.allTasks;
    this.#workload = parts.workload;
    this.#journal = parts.journal;
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
    this.#resumable(ref, log, { generation, origin: artifact.origin });
    this.#inPlace(ref, artifact);
    this.#setAside(ref, log, { generation, artifact });
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

  /**
   * The rule by which the next attempt resumes: everything up to `to` is stored except `open`. No stored batch is
   * listed as open, no open one is missing, and `to` never decreases.
   */
  #resumable(
    ref: ShardRef,
    log: SeenLog,
    { generation, origin }: Pick<Artifact, "origin"> & { generation: number },
  ): void {
    const { source, seq, chunk, to = [seq, chunk], open = [] } = origin;
    if (source === "" || source === "*") return;
    const seen = log.sources.get(source) ?? { stored: new Set<string>(), to: [0, -1], open: [] };
    const { stored } = seen;
    const own: Position = [seq, chunk];
    const wrong = (what: string) => this.#violated(ref, `${JSON.stringify(origin)} ${what}`);
    if (stored.has(String(own))) wrong("is stored twice");
    if (seen.open.some((each) => String(each) === String(own))) this.#counts.resumedOpen++;
    stored.add(String(own));
    const named = new Set(open.map(String));
    if (open.some((each) => stored.has(String(each)))) wrong("calls open what is stored");
    if (open.some((each) => !isBefore(each, to))) wrong("calls open what is behind its furthest batch");
    if (open.some((each, at) => at > 0 && !isBefore(open[at - 1] as Position, each)))
      wrong("has open batches out of order");
    if (!stored.has(String(to))) wrong("calls furthest what is not stored");
    if (isBefore(to, seen.to)) wrong(`goes back from ${seen.to}`);
    const passed = [...seen.open, ...this.#batchesBetween(ref, { generation, source, after: seen.to, upTo: to })];
    const lost = passed.filter((each) => !stored.has(String(each)) && !named.has(String(each)));
    if (lost.length > 0) wrong(`forgets ${JSON.stringify(lost)}`);
    if (open.length > 0) this.#counts.outOfOrder++;
    const node = this.#node(ref);
    if (node !== undefined && readsFailures(node)) this.#counts.failuresRead++;
    if (node?.batches?.ordered === true && (open.length > 0 || isBefore(own, to))) wrong("is out of order");
    log.sources.set(source, { stored, to, open });
  }

  /** The batches that its source has for this shard in this range, if it is known how the source is read. */
  #batchesBetween(
    ref: ShardRef,
    range: { readonly generation: number; readonly source: string; readonly after: Position; readonly upTo: Position },
  ): readonly Position[] {
    const record = this.#state.shard(ref)?.record;
    const node = this.#node(ref);
    if (!this.#workload.isKnown || node === undefined || record?.generation !== range.generation) return [];
    const [nodeId = "", shard] = range.source.split("/");
    const source = this.#state.shard({ taskId: ref.taskId, nodeId, shard: Number(shard) })?.record;
    if (source === undefined) return [];
    const artifacts = this.#archive.log(logOf(source), record.sourceGens[range.source] ?? 0);
    return artifacts
      .slice(range.after[0], range.upTo[0] + 1)
      .flatMap((artifact) =>
        batchesOf(node, nodeId, artifact).map(({ uid, chunk }) => ({ uid, at: [artifact.seq, chunk] as const })),
      )
      .filter(
        ({ uid, at }) =>
          shardOf(uid, node.partitions ?? 1) === ref.shard && isBefore(range.after, at) && isBefore(at, range.upTo),
      )
      .map(({ at }) => at);
  }

  /** A batch is set aside only if its node does that, after its last try, and within the limit of the node. */
  #setAside(ref: ShardRef, log: SeenLog, { generation, artifact }: { generation: number; artifact: Artifact }): void {
    const { seq, uid, epoch, origin, failure } = artifact;
    if (failure !== undefined) log.aside++;
    if ((origin.aside ?? 0) !== log.aside) {
      this.#violated(ref, `counts ${origin.aside} batches set aside, but ${log.aside} are`);
    }
    const carried = this.#journal.carried.of(ref, generation);
    if (failure === undefined || seq < carried.length) return;
    this.#counts.setAside++;
    const node = this.#node(ref);
    if (node === undefined) return; // an insert may arrive after its task was deleted
    const { on_failure, tolerate_batches = Number.POSITIVE_INFINITY } = node?.batches ?? {};
    if (on_failure !== "set_aside") this.#violated(ref, `set batch ${uid} aside, but its node does not`);
    const newly = log.aside - asideOf(carried);
    if (newly > tolerate_batches) this.#violated(ref, `set ${newly} batches aside of ${tolerate_batches}`);
    const { tries } = this.#journal;
    if (!this.#workload.isKnown) return;
    const { reasonCode } = failure;
    const isTimeout = reasonCode === "timeout" && node?.batches?.timeout_sec !== undefined;
    if (isTimeout) this.#counts.timedOut++;
    const isOfChild = reasonCode === "subflow_failed" && hasFailedChild(this.#allTasks, ref.taskId, ref.nodeId, uid);
    if (!isTimeout && !isOfChild && !this.#journal.hasThrown(ref, reasonCode)) {
      this.#violated(ref, `set batch ${uid} aside for ${reasonCode}, which its handler never threw`);
    }
    const { max, isPermanent } = retryPolicyOf(this.#workload, node);
    if (!isPermanent(reasonCode) && failure.tries !== max + 1) {
      this.#violated(ref, `set batch ${uid} aside after ${failure.tries} of ${max + 1} tries`);
    }
    if (tries.isOvertaken({ ...ref, epoch })) return;
    const failed = tries.of({ ...ref, epoch }, uid)?.failed ?? 0;
    if (failure.tries !== failed + 1) {
      this.#violated(ref, `set batch ${uid} aside after ${failure.tries} tries, but ${failed} failed before`);
    }
  }

  #node({ taskId, nodeId }: ShardRef): GraphNode | undefined {
    return this.#state.tasks.get(taskId)?.record.graph.nodes.find(({ node_id }) => node_id === nodeId);
  }

  /** The origin of a source's batch is its index among all that it yields, including those before a checkpoint. */
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
      log = { length: 0, epoch: 0, closed: false, aside: 0, uids: new Set(), sources: new Map() };
      this.#logs.set(key, log);
    }
    return log;
  }
}

/** What attempts report never goes backwards, and does not outlive the log that it belongs to. */
export class ReportChecks {
  readonly #state: CheckParts["state"];
  readonly #journal: CheckParts["journal"];
  readonly #workload: CheckParts["workload"];
  readonly #violated: (ref: ShardRef, what: string) => void;
  /** As of the previous write. */
  readonly #records = new Map<string, ShardRecord>();

  constructor(parts: CheckParts, violated: (ref: ShardRef, what: string) => void) {
    this.#state = parts.state;
    this.#journal = parts.journal;
    this.#workload = parts.workload;
    this.#violated = violated;
  }

  reported(record: ShardRecord): void {
    const key = shardKey(record);
    const before = this.#records.get(key);
    this.#records.set(key, record);
    if (this.#workload.isKnown) this.#checkpoint(record, before); // users' handlers save arbitrary values
    this.#tries(record, before);
    if (before?.generation !== record.generation) return;
    for (const [source, seq] of Object.entries(before.cursors ?? {})) {
      const now = record.cursors?.[source] ?? 0;
      if (now < seq) this.#violated(record, `its cursor of ${source} went back from ${seq} to ${now}`);
    }
  }

  /** A batch's count rises by one at a time, up to the retries, and is never forgotten while the batch is not stored. */
  #tries(record: ShardRecord, before: ShardRecord | undefined): void {
    const { tries } = record;
    const known = before?.generation === record.generation ? (before.tries ?? {}) : {};
    if (tries === undefined || tries === before?.tries) return;
    const { archive, counts, tries: book } = this.#journal;
    const node = this.#state.tasks
      .get(record.taskId)
      ?.record.graph.nodes.find(({ node_id }) => node_id === record.nodeId);
    const { max, leastWaitMs } = retryPolicyOf(this.#workload, node);
    for (const [uid, { failed }] of Object.entries(tries)) {
      const was = known[uid]?.failed ?? 0;
      if (failed === was) continue;
      counts.failedTries++;
      if (failed !== was + 1) this.#violated(record, `batch ${uid} has failed ${failed} times after ${was}`);
      if (failed > max) this.#violated(record, `batch ${uid} is tried again after ${failed} of ${max} retries`);
      book.failed(record, uid, { failed, epoch: record.epoch, leastWaitMs: leastWaitMs(failed) });
    }
    const forgotten = Object.keys(known).filter((uid) => tries[uid] === undefined && !archive.has(record, uid));
    if (forgotten.length > 0) this.#violated(record, `forgets how often ${forgotten.join()} failed`);
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
    this.#journal.tries.restarted(record);
    if (record.tries !== undefined) this.#violated(record, "a restart kept the tries");
    if (record.checkpoint !== undefined) this.#violated(record, "a restart kept the checkpoint");
    if (record.cursors !== undefined) this.#violated(record, "a restart kept the cursors");
  }
}

const numberOf = ({ checkpoint }: ShardRecord): number => Number(checkpoint ?? 0);
