import type { MemoryStoreEvent } from "../../adapters/memory/index.ts";
import { type Artifact, type Origin, type ShardRecord, type ShardRef, shardKey } from "../../core/model/records.ts";
import type { CheckParts } from "./check-parts.ts";

/** What a check knows of one shard's output in one generation. */
interface SeenLog {
  length: number;
  epoch: number;
  closed: boolean;
  readonly uids: Set<string>;
  /** By claim and source: where the last batch came from. */
  readonly origins: Map<string, Origin>;
}

/** Law 2 and what belongs to it: artifacts without gaps or doubles, in the order of epochs, none after the end. */
export class LogChecks {
  readonly #state: CheckParts["state"];
  readonly #workload: CheckParts["workload"];
  readonly #counts: CheckParts["journal"]["counts"];
  readonly #archive: CheckParts["journal"]["archive"];
  readonly #places: CheckParts["journal"]["places"];
  readonly #violated: (ref: ShardRef, what: string) => void;
  readonly #logs = new Map<string, SeenLog>();
  readonly #generations = new Map<string, number>();
  /** By claim: artifacts that landed after it had lost its lease. */
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
    // A repeated restart, asked for again after a lost answer, sets the same values.
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
    const goesOn = log.length > 0 && artifact.epoch !== log.epoch;
    if (goesOn && record !== undefined && !this.#workload.isResumable(record.type)) {
      this.#violated(ref, `epoch ${artifact.epoch} goes on behind epoch ${log.epoch}, and it can't resume`);
    }
    this.#inOrder(ref, log, artifact);
    this.#inPlace(ref, artifact);
    log.length++;
    log.uids.add(artifact.uid);
    log.epoch = Math.max(log.epoch, artifact.epoch);
    if (record?.status === "finished" && record.generation === generation) {
      this.#violated(ref, "an artifact after it had finished");
    }
    if (record?.lease?.claimId !== artifact.claimId) this.#lateArtifact(ref, artifact.claimId);
  }

  closed({ ref, generation, count }: MemoryStoreEvent & { readonly kind: "log_closed" }): void {
    const log = this.#log(ref, generation);
    if (log.length !== count) this.#violated(ref, `closed at ${count} with ${log.length} artifacts`);
    log.closed = true;
  }

  /** However many batches an attempt has in hand, it stores them as they came. */
  #inOrder(ref: ShardRef, log: SeenLog, { claimId, origin }: Artifact): void {
    const key = `${claimId} ${origin.source}`;
    const before = log.origins.get(key);
    log.origins.set(key, origin);
    if (before === undefined) return;
    const isLater = origin.seq > before.seq || (origin.seq === before.seq && origin.chunk > before.chunk);
    if (!isLater) this.#violated(ref, `stored ${JSON.stringify(origin)} after ${JSON.stringify(before)}`);
  }

  /** The origin of a source's own batch is its place among all that the attempt yielded, stored ones included. */
  #inPlace(ref: ShardRef, { uid, epoch, origin }: Artifact): void {
    const places = this.#places.of({ ...ref, epoch }, uid);
    if (places === undefined || places.has(origin.seq)) return;
    this.#violated(ref, `batch ${uid} has place ${origin.seq}, and was yielded at ${[...places].join(" and ")}`);
  }

  #lateArtifact(ref: ShardRef, claimId: string): void {
    this.#counts.lateAppends++;
    const late = (this.#late.get(claimId) ?? 0) + 1;
    this.#late.set(claimId, late);
    if (late > 1) this.#violated(ref, `${late} artifacts of claim ${claimId} after it had lost its lease`);
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
