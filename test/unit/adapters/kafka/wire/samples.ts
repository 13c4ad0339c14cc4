import type { Message } from "../../../../../src/core/messages/messages.ts";

type Samples = { readonly [TKind in Message["kind"]]: Extract<Message, { readonly kind: TKind }> };

const trace = { corrId: "6f1c2a34-0b58-4a44-9a53-0f1d0a9f7b11", sentAt: 1_764_028_800_000 };
const at = { taskId: "t-1", nodeId: "clean", shard: 0, epoch: 2, type: "cleaner", ...trace };
const from = { ...at, workerId: "w-7" };
const held = { ...from, leaseId: "l-9", leaseDeadline: 1_764_028_830_000 };
const ref = { store: "mongo" };

/** One message of each kind, with all its fields. */
export const samples: Samples = {
  TASK_START: {
    kind: "TASK_START",
    ...at,
    inputRef: { from: "extract" },
    inputInline: { input_adapter: "pull.from_artifacts", input_args: { from_nodes: ["extract"] } },
    batching: { size: 10 },
    cancelToken: "c-1",
  },
  TASK_CANCEL: { kind: "TASK_CANCEL", ...at, reason: "no longer wanted", cancelToken: "c-1" },
  TASK_ACCEPTED: { kind: "TASK_ACCEPTED", ...held },
  TASK_HEARTBEAT: { kind: "TASK_HEARTBEAT", ...held },
  TASK_RESUMED: { kind: "TASK_RESUMED", ...held },
  BATCH_OK: { kind: "BATCH_OK", ...from, shard: 3, batchUid: "b/ü 1", metrics: { rows: 12.5 }, artifactsRef: ref },
  BATCH_FAILED: {
    kind: "BATCH_FAILED",
    ...from,
    batchUid: "b-1",
    reasonCode: "bad_rows",
    permanent: true,
    error: "row 7",
    artifactsRef: ref,
  },
  TASK_DONE: {
    kind: "TASK_DONE",
    ...from,
    metrics: { rows: 100 },
    artifactsRef: ref,
    finalUid: "__final__",
    continuesWith: "store",
  },
  TASK_FAILED: {
    kind: "TASK_FAILED",
    ...from,
    reasonCode: "yielded",
    permanent: false,
    error: { message: "nothing to read" },
    dueInMs: 200,
    yielded: true,
  },
  CANCELLED: { kind: "CANCELLED", ...from, reason: "no longer wanted" },
  CANCEL: {
    kind: "CANCEL",
    ...at,
    targetWorkerId: "w-7",
    reason: "no longer wanted",
    cancelToken: "c-1",
    deadline: 1_764_028_860_000,
  },
  PAUSE: { kind: "PAUSE", ...at, targetWorkerId: "w-7" },
  TASK_DISCOVER: { kind: "TASK_DISCOVER", ...at, wantEpoch: 2 },
  TASK_SNAPSHOT: {
    kind: "TASK_SNAPSHOT",
    ...at,
    workerId: "w-7",
    runState: "running",
    attemptEpoch: 2,
    lease: { workerId: "w-7", leaseId: "l-9", deadline: 1_764_028_830_000 },
    progress: { done: 3 },
    artifacts: { complete: false },
  },
  WORKER_ONLINE: {
    kind: "WORKER_ONLINE",
    ...trace,
    workerId: "w-7",
    roles: ["cleaner", "loader"],
    capabilities: { roles: ["cleaner", "loader"], store_claims: true },
    version: "0.1.0",
    capacity: 8,
    resume: { task_id: "t-1" },
  },
  WORKER_OFFLINE: { kind: "WORKER_OFFLINE", ...trace, workerId: "w-7" },
};
