/**
 * The graph contract: the JSON that the builder compiles to and the engine runs. Functions here accept and return plain
 * data, independent of the builder and the engine.
 */

export {
  type BuiltInFunctionArgs,
  type BuiltInFunctionName,
  builtInFunctionArgs,
} from "../builtins/coordinator-functions/index.ts";
export {
  adapterName,
  type BuiltInAdapterName,
  builtInAdapters,
  commonAdapterArgs,
  isBuiltInAdapter,
} from "../builtins/input-adapters/index.ts";
export { canonicalGraph, graphHash, withoutSchemas } from "./canonical.ts";
export type { NamedArgs, ValidateOptions } from "./checks/context.ts";
export { type Change, diffGraphs, type EdgeMisfit, type GraphDiff, type LostCases, type NodeChange } from "./diff.ts";
export { type Finding, type FindingCode, findingCodes, formatFindings } from "./format/findings.ts";
export { defaultGraphLimits, type GraphLimits } from "./format/limits.ts";
export {
  type BatchPolicy,
  type Condition,
  type DelaySec,
  type FanIn,
  type GraphNode,
  type InputInline,
  type NodeIo,
  type RetryPolicy,
  retryDefaults,
  type StartWhen,
} from "./format/node-fields.ts";
export { findParamRefs, type ParamRef, resolveParams } from "./format/params.ts";
export { type PrimedGraph, type PrimedNode, primeGraph } from "./format/primed.ts";
export * from "./format/types.ts";
export { graphJsonSchema } from "./json-schema.ts";
export { type MermaidOptions, toMermaid } from "./mermaid.ts";
export { parseGraph, type Validation, validateGraph } from "./validate.ts";
