/**
 * The builder, the graph contract, and what handlers throw.
 *
 * @module flowkit
 */
import "./node-version.ts";

export { type ToTypeScriptOptions, toTypeScript } from "./codegen/index.ts";
export type {
  AdapterChoice,
  AttemptContext,
  BatchContext,
  Checkpoint,
  CoordinatorFunctionContext,
  CoordinatorFunctionDefinition,
  ErrorClass,
  FinalizeContext,
  FlowDefinition,
  FlowTypes,
  HandlerDefinition,
  InputAdapterDefinition,
  Logger,
  Metrics,
  MetricsRecorder,
  SourceBatch,
  StoredArtifact,
  VarsAccess,
} from "./definitions/index.ts";
export { silentLogger } from "./definitions/index.ts";
export * from "./dsl/index.ts";
export {
  type CoreReasonCode,
  coreReasonCodes,
  FlowError,
  type FlowErrorCode,
  type FlowErrorOptions,
  flowErrorCodes,
  isHandlerError,
  type Json,
  type JsonObject,
  PermanentError,
  RetryableError,
} from "./errors/index.ts";
// What the declarations of both entry points are written with: named here, so that what one infers from them can be
// exported.
export type * from "./graph/format/messages.ts";
export type { MessageKey, MessageText, zodSchema, zodSchemas } from "./graph/format/messages.ts";
export * from "./graph/index.ts";
