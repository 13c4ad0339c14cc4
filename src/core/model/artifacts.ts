import type { Metrics } from "../../definitions/index.ts";
import type { Json } from "../../errors/index.ts";

/* The entries of a shard's log, the failures of shards and tasks, and the signals sent to tasks. */

/** A batch within one source: the seq of an artifact there, and the chunk within that artifact. */
export type Position = readonly [seq: number, chunk: number];

/**
 * Where a batch came from: the source shard, its seq there, and the chunk within that artifact. Batches that a source
 * handler produces have source `""`, and as seq their index among all batches that it yielded.
 *
 * Batches are stored as they are done, so the last origin of a source also records what is missing before it:
 * everything up to `to` is stored except `open`. It is valid for every entry, since appends are made one after another.
 */
export interface Origin {
  readonly source: string;
  readonly seq: number;
  readonly chunk: number;
  /** The furthest stored batch of this source. @defaultValue this one */
  readonly to?: Position;
  /** Batches before `to` that are not stored, in order. @defaultValue none */
  readonly open?: readonly Position[];
  /** How many entries of the log up to this one stand for a batch that was set aside. @defaultValue 0 */
  readonly aside?: number;
  /** The batch's place in the order of the input. @defaultValue its own seq */
  readonly place?: readonly number[];
  /** The W3C trace context of the try that made the batch, for a link from those made of it. @defaultValue not traced */
  readonly traceparent?: string;
}

/** Why a batch was set aside. */
export interface BatchFailure {
  readonly reasonCode: string;
  readonly message: string;
  /** How often it was tried. */
  readonly tries: number;
  /** Stack and cause chain, truncated to 16 KiB. */
  readonly stack?: string;
}

/**
 * The output of one batch, or the note that the batch was set aside. Numbered 0, 1, 2, ... without gaps within its shard
 * and generation.
 */
export interface Artifact {
  readonly seq: number;
  /** Unique within (task, node, generation). */
  readonly uid: string;
  readonly epoch: number;
  readonly claimId: string;
  readonly origin: Origin;
  /** The output. Of a batch that was set aside: its payload if the node made it itself, otherwise null. */
  readonly meta: Json;
  readonly metrics: Metrics;
  /** Present if the batch was set aside: it has no output, and readers of outputs skip it. */
  readonly failure?: BatchFailure;
}

/** An artifact to append. */
export interface NewArtifact {
  readonly seq: number;
  readonly uid: string;
  readonly origin: Origin;
  readonly meta: Json;
  readonly metrics: Metrics;
  readonly failure?: BatchFailure;
}

/** The methods of a handler that process no batch. */
export type HandlerMethod = "setup" | "loadInput" | "iterBatches" | "finalize";

/** Why a task failed. Without `nodeId`, the task failed as a whole, such as with `deadline_exceeded`. */
export interface TaskFailure {
  readonly nodeId?: string;
  /** A code of the engine or the handler, such as `schema_mismatch`. */
  readonly reasonCode: string;
  readonly message: string;
  readonly shard?: number;
  readonly epoch?: number;
  /** The batch that was being processed. */
  readonly batchUid?: string;
  /** How often that batch was tried, if it failed for good. */
  readonly tries?: number;
  /** The handler's method that threw or timed out, if it processes no batch. */
  readonly method?: HandlerMethod;
  /** The batch that `iterBatches` had yielded last. */
  readonly lastBatchUid?: string;
  /** Stack and cause chain, truncated to 16 KiB. */
  readonly stack?: string;
}

/** What a shard has stored and returned when it is complete. */
export interface Outcome {
  readonly generation: number;
  /** Of its artifacts. */
  readonly count: number;
  readonly failedBatches?: number;
  readonly result?: Json;
  readonly metrics?: Metrics;
}

/** An outcome with the artifact at seq `count - 1`, if that is not stored yet. */
export interface OutcomeWithLast extends Outcome {
  readonly last?: NewArtifact | undefined;
}

/** Why a node failed. */
export interface Failure extends TaskFailure {
  readonly nodeId: string;
  readonly shard: number;
  readonly epoch: number;
}

/** The outcome of a node's wait for a signal. Written once. */
export interface Signal {
  /** The call that stored it, to recognise a repeated one. */
  readonly id: string;
  /** Milliseconds since 1970, by the store's clock. */
  readonly at: number;
  /** Absent if the time to wait passed without a signal. */
  readonly payload?: Json;
}

/** An outcome to store for a node's wait, unless it has one. */
export type NewSignal = Pick<Signal, "id" | "payload"> & { readonly nodeId: string };

/**
 * The answer to a signal: the first one is `accepted`, and so is its repetition. `already`: another signal was first.
 * `terminal`: the task has ended or is ending, or the node's time to wait has passed. `unknown`: there is no such task.
 */
export type SignalAnswer = "accepted" | "already" | "terminal" | "unknown";

/** The tries of a batch. A try that a crash ended is not counted: the lost lease is. */
export interface BatchTries {
  readonly failed: number;
  /** Store time from which it may be tried again. */
  readonly dueAt: number;
}

/** How far a handler has got, in units of its choice. */
export interface Progress {
  readonly done: number;
  readonly total?: number;
}
