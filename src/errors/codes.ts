/** Every code of a {@link FlowError}. Codes never change their meaning; new ones are appended to their group. */
export const flowErrorCodes = [
  // authoring
  "FLOW_AWAITED",
  "FLOW_EMPTY",
  "FLOW_INVALID",
  "HANDLER_INVALID",
  // graph
  "GRAPH_INVALID",
  // engine
  "ENGINE_OPTIONS",
  "ENGINE_STOPPED",
  "PARAMS_INVALID",
  "TASK_UNKNOWN",
  "TASK_EXISTS",
  "TASK_OPEN",
  "TASK_BORROWED",
  "TASK_HAS_PARENT",
  "TASK_FINISHED",
  "TASK_FAILED",
  "TASK_CANCELLED",
  "NODE_UNKNOWN",
  "BATCH_UNKNOWN",
  "ARTIFACTS_RESTARTED",
  "ARTIFACTS_DROPPED",
  "STORE_UNAVAILABLE",
  "STORE_VERSION",
  "BUS_UNAVAILABLE",
  "TRANSITION_REFUSED",
  "ENGINE_NOT_STARTED",
  "RECORD_TOO_LARGE",
  "PARAMS_TOO_LARGE",
  "MESSAGE_TOO_LARGE",
  "SIGNAL_INVALID",
  "SIGNAL_TOO_LARGE",
  "PAUSE_UNSUPPORTED",
  "SCHEDULE_INVALID",
  "SCHEDULE_UNKNOWN",
  // studio
  "STUDIO_TOKEN_REQUIRED",
  "STUDIO_UNAUTHORIZED",
  "STUDIO_FORBIDDEN",
  "STUDIO_READ_ONLY",
  "STUDIO_REQUEST_INVALID",
  "STUDIO_REQUEST_TOO_LARGE",
  "STUDIO_NOT_FOUND",
  "STUDIO_BUSY",
  "STUDIO_FAILED",
  // test kit
  "SIMULATION_REAL_TIME",
] as const;

/** Why a {@link FlowError} was thrown; stable, for programs. */
export type FlowErrorCode = (typeof flowErrorCodes)[number];

/**
 * Why an attempt failed, by the engine's own judgement. Handlers add codes with `errors: [...]`; `retry.permanentOn`
 * accepts both.
 */
export const coreReasonCodes = [
  "bad_input_adapter",
  "bad_input_args",
  "bad_input",
  "bad_fn_args",
  "schema_mismatch",
  "no_handler",
  "handler_mismatch",
  "unexpected_error",
  "timeout",
  "worker_lost",
  "artifact_too_large",
  "duplicate_uid",
  "too_many_failed_batches",
  "artifacts_dropped",
  "subflow_failed",
  "setup_failed",
] as const;

// `| never`: the compiler prints a union by its name, but not an element of a list.
/** The engine's reason code of a failed attempt; handlers have their own codes as well. */
export type CoreReasonCode = (typeof coreReasonCodes)[number] | never;

export const isCoreReasonCode = (code: string): code is CoreReasonCode =>
  coreReasonCodes.some((known) => known === code);
