export { builtInCoordinatorFns } from "./built-in-functions.ts";
export type {
  CoordinatorFunctionContext,
  CoordinatorFunctionDefinition,
  VarsAccess,
} from "./coordinator-function.ts";
export type { FlowDefinition, FlowTypes } from "./flow.ts";
export type {
  AdapterChoice,
  AttemptContext,
  BatchContext,
  Checkpoint,
  ErrorClass,
  FinalizeContext,
  HandlerDefinition,
  Metrics,
  MetricsRecorder,
  SourceBatch,
  StoredArtifact,
} from "./handler.ts";
export type { InputAdapterDefinition } from "./input-adapter.ts";
export { type Logger, silentLogger } from "./logger.ts";
