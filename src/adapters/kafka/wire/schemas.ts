import * as z from "zod";

/*
 * The schemas of envelopes and payloads. Unknown fields are ignored; an optional field may be absent or null.
 */

/** Absent and null are equivalent. */
const optional = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value): z.output<T> | undefined => value ?? undefined);

const name = z.string().min(1);
const time = z.number();
const epoch = z.int().min(0);
const metrics = optional(z.record(z.string(), z.json()));

export const envelopeSchema = z.object({
  v: z.literal(1),
  msg_type: z.enum(["cmd", "event", "query", "reply"]),
  role: z.enum(["coordinator", "worker"]),
  corr_id: optional(z.string()),
  dedup_id: optional(z.string()),
  task_id: name,
  node_id: name,
  step_type: name,
  attempt_epoch: epoch,
  shard: optional(z.int().min(0)),
  ts_ms: optional(time),
  payload: z.record(z.string(), z.unknown()),
  target_worker_id: optional(name),
});

export type Envelope = z.output<typeof envelopeSchema>;

export const taskStart = z.object({
  cancel_token: z.string(),
  input_ref: optional(z.json()),
  input_inline: optional(z.json()),
  batching: optional(z.json()),
});

export const taskCancel = z.object({ reason: z.string(), cancel_token: z.string() });

export const held = z.object({ worker_id: name, lease_id: name, lease_deadline_ts_ms: time });

export const batchOk = z.object({ worker_id: name, batch_uid: name, metrics, artifacts_ref: optional(z.json()) });

const problem = z.object({
  worker_id: name,
  reason_code: name,
  permanent: z.boolean(),
  error: optional(z.json()),
});

export const batchFailed = problem.extend({ batch_uid: name, artifacts_ref: optional(z.json()) });

export const taskDone = z.object({
  worker_id: name,
  metrics,
  artifacts_ref: optional(z.json()),
  final_uid: optional(z.string()),
  continues_with: optional(z.string()),
});

export const taskFailed = problem.extend({
  due_in_ms: optional(z.number().min(0)),
  yielded: optional(z.boolean()),
});

export const cancelled = z.object({ worker_id: name, reason: z.string() });

export const cancel = z.object({
  reason: z.string(),
  cancel_token: optional(z.string()),
  deadline_ts_ms: optional(time),
});

export const taskDiscover = z.object({ want_epoch: epoch });

export const taskSnapshot = z.object({
  worker_id: optional(name),
  run_state: z.enum(["idle", "running", "cancelling"]),
  attempt_epoch: epoch,
  lease: optional(z.object({ worker_id: name, lease_id: name, deadline_ts_ms: time })),
  progress: optional(z.json()),
  artifacts: optional(z.object({ complete: z.boolean() })),
});

export const workerOnline = z.object({
  worker_id: name,
  type: z.string(),
  capabilities: optional(z.record(z.string(), z.json())),
  version: optional(z.string()),
  capacity: optional(z.object({ tasks: z.int().min(0) })),
  resume: optional(z.json()),
});

export const workerOffline = z.object({ worker_id: name });
