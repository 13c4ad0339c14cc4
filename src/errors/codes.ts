/**
 * Every code that a {@link FlowError} can carry: what the caller of the library did or met.
 * A code never changes its meaning; new ones are added at the end of their group.
 */
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
  "TASK_FINISHED",
  "TASK_FAILED",
  "TASK_CANCELLED",
  "NODE_UNKNOWN",
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
  // test kit
  "SIMULATION_REAL_TIME",
] as const;

/** Why a {@link FlowError} was thrown: stable, for programs. */
export type FlowErrorCode = (typeof flowErrorCodes)[number];

/**
 * Why an attempt failed, when the engine itself says so. A handler adds its own codes with `errors: [...]`;
 * `retry.permanentOn` names codes of both kinds.
 */
export const coreReasonCodes = [
  "bad_input_adapter",
  "bad_input_args",
  "bad_input",
  "bad_fn_args",
  "schema_mismatch",
  "no_handler",
  "unexpected_error",
  "timeout",
  "worker_lost",
  "artifact_too_large",
  "duplicate_uid",
  "artifacts_dropped",
] as const;

// `| never`: a union is printed by its name, an element of a list isn't.
/** Why an attempt failed, as the engine says it; handlers have codes of their own besides. */
export type CoreReasonCode = (typeof coreReasonCodes)[number] | never;

export const isCoreReasonCode = (code: string): code is CoreReasonCode =>
  coreReasonCodes.some((known) => known === code);
