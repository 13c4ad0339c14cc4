import type { Metrics } from "../../../definitions/index.ts";
import type { Json } from "../../../errors/index.ts";
import { addMetrics, keepJson, type MetricSums, type WireCodec } from "../../codec/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import {
  type Artifact,
  type Attempt,
  asideIn,
  type BatchFailure,
  type NewArtifact,
  type NextClaim,
  type Origin,
  type Outcome,
  type ShardRecord,
} from "../../model/records.ts";
import type { Answer, CompleteAndClaimAnswer, Tail, WorkerStore } from "../../ports/index.ts";
import { after, isPending, type StoreRetry } from "../../resilience/store-retry.ts";
import { type AppendSignals, signalAddress } from "../input/append-signals.ts";
import { inInputOrder, placeOf, SourcePositions } from "../input/index.ts";
import { AttemptEnded } from "./attempt-handle.ts";

/** Names a batch and its position in the input. */
export interface PlacedBatch {
  readonly uid: string;
  readonly origin: Origin;
  /** Its place in the order of the input. @defaultValue the seq of its origin */
  readonly place?: readonly number[];
}

/** What is stored for a batch: the output of the handler, or why it is set aside. */
export interface BatchOutcome {
  readonly meta: Json;
  readonly metrics: Metrics;
  readonly failure?: BatchFailure;
  /** See `Origin`. */
  readonly traceparent?: string;
}

type AppendAnswer = Awaited<ReturnType<WorkerStore["append"]>>;

const nothingKept: readonly Artifact[] = [];
/** Up to this length, the writer of a log keeps its artifacts for the next node. */
const mostKept = 4;

/**
 * The output log of the attempt's own shard: its state, and the only way to write to it. `seq` is the fence: a batch is
 * inserted at exactly the next number, and an attempt that finds another's entry there reads the log again.
 */
export class AttemptLog {
  readonly #store: WorkerStore;
  readonly #retry: StoreRetry;
  readonly #signals: AppendSignals;
  readonly #address: string;
  readonly #attempt: Attempt;
  #generation: number;
  #sourceGens: Readonly<Record<string, number>>;
  #length = 0;
  #closed = false;
  #origins: readonly Origin[] = [];
  #sources = new SourcePositions([]);
  #aside = 0;
  #carriedAside: number;
  /** The first artifacts, without a gap. */
  #kept: readonly Artifact[] = nothingKept;
  #last: NewArtifact | undefined;

  constructor(options: {
    readonly store: WorkerStore;
    readonly retry: StoreRetry;
    readonly signals: AppendSignals;
    readonly attempt: Attempt;
    readonly record: ShardRecord;
  }) {
    this.#store = options.store;
    this.#retry = options.retry;
    this.#signals = options.signals;
    this.#address = signalAddress(options.attempt);
    this.#attempt = options.attempt;
    this.#generation = options.record.generation;
    this.#sourceGens = options.record.sourceGens;
    this.#carriedAside = options.record.carried?.aside ?? 0;
  }

  /** Entries so far, including those of earlier attempts. */
  get length(): number {
    return this.#length;
  }

  /** How many of them stand for a batch that was set aside. */
  get aside(): number {
    return this.#aside;
  }

  /** Of these, those that were not carried by a retry: only they count towards the limit of the node. */
  get newlyAside(): number {
    return this.#aside - this.#carriedAside;
  }

  /** An earlier attempt stored everything and wrote the complete marker, but died before the node was finished. */
  get closed(): boolean {
    return this.#closed;
  }

  get generation(): number {
    return this.#generation;
  }

  get sourceGens(): Readonly<Record<string, number>> {
    return this.#sourceGens;
  }

  /** The last artifact, if it is to be stored with the outcome. */
  get last(): NewArtifact | undefined {
    return this.#last;
  }

  /** The whole log, if it is short and this attempt has stored all of it, in the first generation. */
  get kept(): readonly Artifact[] | undefined {
    return this.#generation === 0 && this.#kept.length === this.#length ? this.#kept : undefined;
  }

  /** The last origin from each source, when the log was opened. */
  get origins(): readonly Origin[] {
    return this.#origins;
  }

  async open(): Promise<void> {
    const tail: Tail = await this.#retry.run(() => this.#store.tail(this.#attempt, this.#generation));
    this.#length = tail.length;
    this.#closed = tail.closed;
    this.#origins = tail.origins;
    this.#aside = asideIn(tail.origins);
    this.#sources = new SourcePositions(tail.origins);
  }

  /** Starts the output over in a new generation, built from these generations of the sources. */
  async restart(sourceGens: Readonly<Record<string, number>>): Promise<void> {
    const to = { generation: this.#generation + 1, sourceGens };
    refuse(await this.#retry.run(() => this.#store.restart(this.#attempt, to)));
    this.#generation = to.generation;
    this.#sourceGens = sourceGens;
    this.#length = 0;
    this.#closed = false;
    this.#origins = [];
    this.#aside = 0;
    this.#carriedAside = 0;
    this.#kept = nothingKept;
    this.#sources = new SourcePositions([]);
    this.#signals.notify(this.#address);
  }

  /** This batch is being processed: until it is appended, the origins of others list it as open. */
  take(origin: Origin): void {
    this.#sources.take(origin);
  }

  /**
   * Appends are made one after another: each origin describes the log up to its own entry. `undefined`: it is stored.
   */
  append(batch: PlacedBatch, outcome: BatchOutcome): Promise<void> | undefined {
    const artifact = this.#following(batch, outcome);
    const answer = this.#insert(artifact);
    return isPending(answer) ? answer.then((late) => this.#appended(artifact, late)) : this.#appended(artifact, answer);
  }

  /** Appends the last artifact, where possible together with the outcome: until then, it is not stored. */
  appendLast(batch: PlacedBatch, outcome: BatchOutcome): Promise<void> | undefined {
    if (this.#store.completeAndClaim === undefined) return this.append(batch, outcome);
    this.#last = this.#following(batch, outcome);
    return this.#appended(this.#last, "ok");
  }

  /** The batch as the next artifact. */
  #following({ uid, origin: from, place }: PlacedBatch, outcome: BatchOutcome): NewArtifact {
    const { meta, metrics, failure, traceparent } = outcome;
    const own = traceparent === undefined ? from : { ...from, traceparent };
    const aside = this.#aside + (failure === undefined ? 0 : 1);
    const isInPlace = (place === undefined || place.length === 1) && (place?.[0] ?? own.seq) === this.#length;
    const placed = isInPlace ? own : { ...own, place: place ?? [own.seq] };
    const origin = this.#sources.originOf(aside === 0 ? placed : { ...placed, aside });
    const output = { seq: this.#length, uid, origin, meta, metrics };
    return failure === undefined ? output : { ...output, failure };
  }

  #appended(artifact: NewArtifact, answer: AppendAnswer): undefined {
    this.#inserted(artifact, answer);
    if (artifact.failure !== undefined) this.#aside++;
    this.#sources.stored(artifact.origin);
    if (this.#last === undefined) this.#signals.notify(this.#address);
  }

  /**
   * Appends an artifact of a carried log after entries were left out. Batches that its origin lists as open are open
   * here too, unless they follow.
   */
  async move({ uid, origin, meta, metrics, failure, seq }: Artifact): Promise<void> {
    this.#sources.skip(origin);
    const own = { source: origin.source, seq: origin.seq, chunk: origin.chunk };
    const outcome = { meta, metrics, ...(failure === undefined ? {} : { failure }) };
    await this.append({ uid, origin: own, place: placeOf({ seq, origin }) }, outcome);
  }

  /** An artifact of the carried log is left out. */
  leaveOut({ origin }: Artifact): void {
    this.#sources.skip(origin);
  }

  /** An artifact of the carried log is here already. */
  pass({ origin: { source, seq, chunk, open } }: Artifact): void {
    this.#sources.skip({ source, seq, chunk, ...(open === undefined ? {} : { open }) });
    this.#sources.stored(this.#sources.originOf({ source, seq, chunk }));
  }

  /** Appends an artifact of the carried log unchanged, except for its attempt. */
  async copy({ epoch: _, claimId: __, ...artifact }: Artifact): Promise<void> {
    this.#inserted(artifact, await this.#insert(artifact));
    this.#signals.notify(this.#address);
  }

  #insert(artifact: NewArtifact): Answer<AppendAnswer> {
    return this.#retry.run(() => this.#store.append(this.#attempt, this.#generation, artifact));
  }

  #inserted(artifact: NewArtifact, answer: AppendAnswer): void {
    refuse(answer, artifact);
    if (this.#length++ < mostKept) this.#keep(artifact);
    else this.#kept = nothingKept;
  }

  /** Keeps it as a store would return it. */
  #keep(artifact: NewArtifact): void {
    const { nodeId, epoch, claimId } = this.#attempt;
    const meta = keepJson(artifact.meta, `the artifact '${artifact.uid}' of node '${nodeId}'`);
    this.#kept = [...this.#kept, { ...artifact, epoch, claimId, meta }]; // short: a growing list would reserve more memory
  }

  /** A page of the stored uids; empty if the store has dropped its first artifact. */
  readUids(from: number, limit: number): Promise<readonly string[]> {
    return this.#retry.run(() => this.#store.readUids(this.#attempt, this.#generation, from, limit));
  }

  /** Whether the log contains this uid. */
  async has(uid: string): Promise<boolean> {
    return (await this.#retry.run(() => this.#store.storedUids(this.#attempt, this.#generation, [uid]))).has(uid);
  }

  /** @returns the record of the next shard, if it was claimed */
  complete(outcome: Pick<Outcome, "result" | "metrics">, next?: NextClaim): Answer<ShardRecord | undefined> {
    const failedBatches = this.#aside === 0 ? {} : { failedBatches: this.#aside };
    const whole = { generation: this.#generation, count: this.#length, ...failedBatches, ...outcome };
    const attempt = this.#attempt;
    const last = this.#last;
    const completed = ({ answer, claimed }: CompleteAndClaimAnswer): ShardRecord | undefined => {
      refuse(answer, last);
      this.#signals.notify(this.#address);
      return claimed;
    };
    const store = this.#store;
    const ask = (): Answer<CompleteAndClaimAnswer> =>
      store.completeAndClaim?.(attempt, { ...whole, last }, next) ??
      after(store.complete(attempt, whole), (answer) => ({ answer }));
    return after(this.#retry.run(ask), completed);
  }

  /** The outputs of the whole log in the order of the input, page by page. */
  artifacts(pageSize: number): AsyncGenerator<Artifact> {
    return inInputOrder({ length: this.#length, pageSize, read: (from, limit) => this.#read(from, limit) });
  }

  /** Sums of the per-batch metrics of the whole log. */
  async totals(pageSize: number): Promise<Metrics> {
    const totals: MetricSums = {};
    for (let from = 0; from < this.#length; ) {
      const page = await this.#read(from, pageSize);
      for (const { metrics } of page) addMetrics(totals, metrics);
      from += page.length;
    }
    return totals;
  }

  async #read(from: number, limit: number): Promise<readonly Artifact[]> {
    const page = await this.#retry.run(() => this.#store.readArtifacts(this.#attempt, this.#generation, from, limit));
    if (page.length === 0) throw new AttemptEnded("reload");
    return page;
  }
}

/** Logs of nodes that have several children. */
const mostLogs = 16;
const mostCodecs = 256;

/** What a worker knows of the logs of its last attempts. */
export class KeptLogs {
  /** The short logs of the nodes that it finished last: their children need not read them. */
  readonly #logs = new Map<string, readonly Artifact[]>();
  /** By claim id: what has encoded all outputs that the attempt stored. */
  readonly #codecs = new Map<string, WireCodec>();

  keep({ taskId, nodeId }: Attempt, artifacts: readonly Artifact[]): void {
    this.#logs.set(`${taskId}:${nodeId}`, artifacts);
    const [oldest] = this.#logs.size > mostLogs ? this.#logs.keys() : [];
    if (oldest !== undefined) this.#logs.delete(oldest);
  }

  of(taskId: string, nodeId: string | undefined): readonly Artifact[] | undefined {
    return this.#logs.get(`${taskId}:${nodeId}`);
  }

  /** All outputs that this attempt stores will be encoded by this codec. */
  encodes({ claimId }: Attempt, codec: WireCodec): void {
    this.#codecs.set(claimId, codec);
    const [oldest] = this.#codecs.size > mostCodecs ? this.#codecs.keys() : [];
    if (oldest !== undefined) this.#codecs.delete(oldest);
  }

  /**
   * Whether a payload made of an artifact is what this codec would decode it to: an output that this worker has encoded by
   * the same schema, and that the store shares. A store that returns another object may have changed something in it.
   */
  decodedBy(codec: WireCodec | undefined): (payload: unknown, of: Artifact) => boolean {
    let known: string | undefined;
    let isAll = false;
    return (payload, { claimId, meta, failure }) => {
      if (payload !== meta || typeof meta !== "object" || codec === undefined || failure !== undefined) return false;
      if (claimId !== known) {
        known = claimId;
        const encoder = this.#codecs.get(claimId);
        isAll = encoder !== undefined && codec.decodesAllOf(encoder);
      }
      return isAll && Object.isFrozen(meta);
    };
  }
}

/** @throws AttemptEnded unless the write was accepted */
function refuse(answer: AppendAnswer, artifact?: NewArtifact): void {
  if (answer === "ok") return;
  if (answer === "duplicate_uid") {
    // Never skipped silently: either iterBatches used one uid for two batches, or a cursor is wrong.
    throw new AttemptError("duplicate_uid", `a batch with uid '${artifact?.uid}' is already stored`);
  }
  throw new AttemptEnded(answer === "conflict" ? "reload" : answer);
}
