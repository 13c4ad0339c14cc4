import type { AttemptAddress, Message, MessageTrace } from "../../../core/messages/messages.ts";
import * as schemas from "./schemas.ts";

type Read<TMessage> = { readonly [TKey in keyof TMessage]: TMessage[TKey] | undefined };

/** The fields of a message of this kind besides its address. */
type Own<TMessage> = Omit<TMessage, keyof AttemptAddress | keyof MessageTrace | "kind">;
type MessageOf<TKind extends Message["kind"]> = Extract<Message, { readonly kind: TKind }>;
type Reader<TKind extends Message["kind"]> = (
  payload: unknown,
  envelope: schemas.Envelope,
) => Read<Own<MessageOf<TKind>>>;

const readLease: Reader<"TASK_ACCEPTED"> = (payload) => {
  const { worker_id, lease_id, lease_deadline_ts_ms } = schemas.held.parse(payload);
  return { workerId: worker_id, leaseId: lease_id, leaseDeadline: lease_deadline_ts_ms };
};

const readers: { readonly [TKind in Message["kind"]]: Reader<TKind> } = {
  TASK_START: (payload) => {
    const { cancel_token, input_ref, input_inline, batching } = schemas.taskStart.parse(payload);
    return { cancelToken: cancel_token, inputRef: input_ref, inputInline: input_inline, batching };
  },
  TASK_CANCEL: (payload) => {
    const { reason, cancel_token } = schemas.taskCancel.parse(payload);
    return { reason, cancelToken: cancel_token };
  },
  TASK_ACCEPTED: readLease,
  TASK_HEARTBEAT: readLease,
  TASK_RESUMED: readLease,
  BATCH_OK: (payload) => {
    const { worker_id, batch_uid, metrics = {}, artifacts_ref } = schemas.batchOk.parse(payload);
    return { workerId: worker_id, batchUid: batch_uid, metrics, artifactsRef: artifacts_ref };
  },
  BATCH_FAILED: (payload) => {
    const { worker_id, batch_uid, reason_code, permanent, error, artifacts_ref } = schemas.batchFailed.parse(payload);
    const what = { batchUid: batch_uid, reasonCode: reason_code, permanent, error };
    return { workerId: worker_id, ...what, artifactsRef: artifacts_ref };
  },
  TASK_DONE: (payload) => {
    const { worker_id, metrics = {}, artifacts_ref, final_uid, continues_with } = schemas.taskDone.parse(payload);
    const refs = { artifactsRef: artifacts_ref, finalUid: final_uid };
    return { workerId: worker_id, metrics, ...refs, continuesWith: continues_with };
  },
  TASK_FAILED: (payload) => {
    const { worker_id, reason_code, permanent, error, due_in_ms, yielded } = schemas.taskFailed.parse(payload);
    return { workerId: worker_id, reasonCode: reason_code, permanent, error, dueInMs: due_in_ms, yielded };
  },
  CANCELLED: (payload) => {
    const { worker_id, reason } = schemas.cancelled.parse(payload);
    return { workerId: worker_id, reason };
  },
  CANCEL: (payload, { target_worker_id }) => {
    if (target_worker_id === undefined) throw new Unreadable("a signal must have a target_worker_id");
    const { reason, cancel_token, deadline_ts_ms } = schemas.cancel.parse(payload);
    return { targetWorkerId: target_worker_id, reason, cancelToken: cancel_token, deadline: deadline_ts_ms };
  },
  PAUSE: (_, { target_worker_id }) => {
    if (target_worker_id === undefined) throw new Unreadable("a signal must have a target_worker_id");
    return { targetWorkerId: target_worker_id };
  },
  TASK_DISCOVER: (payload) => ({ wantEpoch: schemas.taskDiscover.parse(payload).want_epoch }),
  TASK_SNAPSHOT: (payload) => {
    const { worker_id, run_state, attempt_epoch, lease, progress, artifacts } = schemas.taskSnapshot.parse(payload);
    return {
      workerId: worker_id,
      runState: run_state,
      attemptEpoch: attempt_epoch,
      lease: lease && { workerId: lease.worker_id, leaseId: lease.lease_id, deadline: lease.deadline_ts_ms },
      progress,
      artifacts,
    };
  },
  WORKER_ONLINE: (payload) => {
    const { worker_id, type, capabilities, version = "", capacity, resume } = schemas.workerOnline.parse(payload);
    const roles = type.split(",").flatMap((role) => role.trim() || []);
    return { workerId: worker_id, roles, capabilities, version, capacity: capacity?.tasks ?? 1, resume };
  },
  WORKER_OFFLINE: (payload) => ({ workerId: schemas.workerOffline.parse(payload).worker_id }),
};

/** The envelope does not contain a known message. */
export class Unreadable extends Error {}

/**
 * Reads the message in an envelope.
 *
 * @throws Unreadable, and zod's errors
 */
export function fromEnvelope(value: unknown): Message {
  const envelope = schemas.envelopeSchema.parse(value);
  const kind = kindOf(envelope);
  const { task_id, node_id, step_type, attempt_epoch, shard = 0, corr_id, dedup_id, ts_ms } = envelope;
  const trace = { corrId: corr_id, dedupId: dedup_id, sentAt: ts_ms };
  const own = readers[kind](envelope.payload, envelope);
  const isAnnounce = kind === "WORKER_ONLINE" || kind === "WORKER_OFFLINE";
  const address = { taskId: task_id, nodeId: node_id, shard, epoch: attempt_epoch, type: step_type };
  // The type of `readers` ties each reader's result to its kind.
  return defined({ kind, ...(isAnnounce ? {} : address), ...own, ...trace }) as Message;
}

const discriminators = { cmd: "cmd", event: "kind", query: "query", reply: "reply" } as const;

function kindOf({ msg_type, role, payload }: schemas.Envelope): Message["kind"] {
  const isSignal = msg_type === "event" && role === "coordinator";
  const field = isSignal ? "sig" : discriminators[msg_type];
  const kind = payload[field];
  if (typeof kind === "string" && isKnown(kind) && fieldOf(kind) === field) return kind;
  throw new Unreadable(`unknown message: payload.${field} is ${JSON.stringify(kind) ?? "absent"}`);
}

const isKnown = (kind: string): kind is Message["kind"] => Object.hasOwn(readers, kind);

function fieldOf(kind: Message["kind"]): string {
  switch (kind) {
    case "TASK_START":
    case "TASK_CANCEL":
      return "cmd";
    case "CANCEL":
    case "PAUSE":
      return "sig";
    case "TASK_DISCOVER":
      return "query";
    case "TASK_SNAPSHOT":
      return "reply";
    default:
      return "kind";
  }
}

/** Removes undefined fields. */
const defined = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
