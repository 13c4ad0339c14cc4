import type { ShardStatus, TaskStatus } from "../../core/model/records.ts";

/*
 * What is in the collections. A field `x` that holds JSON of users has a twin `x_json`: the same as text, for values
 * that BSON can't hold as they are. Of the two one is there.
 */

/** Each write puts a new, random `rev` in place and asks for the one it has read: compare-and-set. */
interface Revised {
  readonly _id: string;
  readonly rev: string;
}

export interface TaskDocument extends Revised {
  /** `deleted`: nobody sees it any more, and whoever meets it removes what is left of it. */
  readonly status: TaskStatus | "deleted";
  readonly name?: string;
  readonly priority: number;
  readonly graph?: unknown;
  readonly graph_json?: string;
  readonly graph_hash: string;
  readonly params?: unknown;
  readonly params_json?: string;
  readonly vars?: unknown;
  readonly vars_json?: string;
  readonly vars_version: number;
  readonly vars_applied: readonly string[];
  readonly failure?: FailureDocument;
  readonly cancel_reason?: string;
  readonly idempotency_key?: string;
  readonly traceparent?: string;
  readonly retry_of?: string;
  readonly borrows_from?: readonly string[];
  /** Set while it isn't known yet whether another task borrows from this one, which is to be deleted. */
  readonly removal_asked?: true;
  readonly list_order: string;
  /** While it is open. */
  readonly sweep_at?: Date;
  /** Tells whoever takes it for a sweep that it was them. */
  readonly swept_by?: string;
  /** While it is running. */
  readonly deadline_at?: Date;
  /** The same for ever. */
  readonly deadline?: Date;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly ended_at?: Date;
}

export interface FailureDocument {
  readonly node_id?: string;
  readonly reason_code: string;
  readonly message: string;
  readonly shard?: number;
  readonly attempt?: number;
  readonly batch_uid?: string;
  readonly stack?: string;
}

export interface ShardRefDocument {
  readonly task_id: string;
  readonly node_id: string;
  readonly shard: number;
}

/** One shard of a node. */
export interface NodeDocument extends Revised, ShardRefDocument {
  readonly type: string;
  readonly priority: number;
  readonly status: ShardStatus;
  readonly attempt_epoch: number;
  readonly ready_at: Date;
  /** While it is queued: goes first of those that were ready at the same time. */
  readonly queue_order?: string;
  readonly lease?: {
    readonly worker_id: string;
    readonly lease_id: string;
    readonly deadline_ts_ms: number;
    readonly reports?: number;
  };
  /** When the lease may be taken: the earlier of its deadline and `cancel_by`. */
  readonly expires_at?: Date;
  readonly cancel_by?: Date;
  readonly last_claim_id?: string;
  readonly failures: number;
  readonly lost: number;
  readonly stored_at_loss?: number;
  readonly yields: number;
  readonly next_retry_at?: Date;
  readonly generation: number;
  readonly source_gens: Readonly<Record<string, number>>;
  readonly chosen?: readonly string[];
  readonly count?: number;
  readonly artifacts_of?: ShardRefDocument;
  readonly checkpoint?: unknown;
  readonly checkpoint_json?: string;
  readonly cursors?: Readonly<Record<string, number>>;
  readonly progress?: { readonly done: number; readonly total?: number };
  readonly result?: unknown;
  readonly result_json?: string;
  readonly metrics?: unknown;
  readonly metrics_json?: string;
  readonly failure?: FailureDocument;
  readonly history: readonly HistoryDocument[];
}

export interface HistoryDocument {
  readonly n: number;
  readonly attempt_epoch: number;
  readonly from: ShardStatus | "absent";
  readonly to: ShardStatus;
  readonly at: Date;
  readonly cause: string;
  readonly worker_id?: string;
  readonly reason_code?: string;
}

/** An artifact (`partial`), or what closes a log behind the last one (`complete`). */
export interface ArtifactDocument extends ShardRefDocument {
  readonly _id: string;
  readonly generation: number;
  readonly seq: number;
  /** Unique within (task, node). */
  readonly batch_uid: string;
  readonly status: "partial" | "complete";
  readonly attempt_epoch: number;
  readonly claim_id: string;
  readonly worker_id?: string;
  readonly origin?: { readonly source: string; readonly seq: number; readonly chunk: number };
  readonly meta?: unknown;
  readonly meta_json?: string;
  readonly metrics?: unknown;
  readonly metrics_json?: string;
  readonly created_at: Date;
}

export interface LimitDocument {
  /** Its key. */
  readonly _id: string;
  readonly holders: readonly HolderDocument[];
}

export interface HolderDocument extends ShardRefDocument {
  readonly attempt_epoch: number;
  readonly claim_id: string;
}

export interface WorkerDocument {
  readonly _id: string;
  readonly worker_id: string;
  readonly roles: readonly string[];
  readonly capacity: { readonly tasks: number };
  readonly running: number;
  readonly last_seen: Date;
  /** Until then it counts as alive. */
  readonly alive_until: Date;
}

export interface DeadLetterDocument {
  readonly _id: string;
  readonly topic: string;
  readonly key: string;
  readonly body: string;
  readonly reason: string;
  readonly at: Date;
  readonly list_order: string;
  readonly expire_at: Date;
}

export interface LayoutDocument {
  readonly _id: "layout";
  readonly version: number;
}
