/**
 * The graph contract: the JSON that the builder compiles to and the engine runs. Everything here takes and gives plain
 * data; nothing knows the builder or the engine.
 */
export {
  adapterName,
  type BuiltInAdapterName,
  builtInAdapters,
  commonAdapterArgs,
  isBuiltInAdapter,
} from "./adapters.ts";
export { canonicalGraph } from "./canonical.ts";
export type { NamedArgs, ValidateOptions } from "./checks/index.ts";
export { type Change, diffGraphs, type EdgeMisfit, type GraphDiff, type NodeChange } from "./diff.ts";
export { type Finding, type FindingCode, findingCodes, formatFindings } from "./findings.ts";
export { type BuiltInFunctionArgs, type BuiltInFunctionName, builtInFunctionArgs } from "./function-args.ts";
export { graphHash } from "./hash.ts";
export { graphJsonSchema } from "./json-schema.ts";
export { defaultGraphLimits, type GraphLimits } from "./limits.ts";
export { type MermaidOptions, toMermaid } from "./mermaid.ts";
export { findParamRefs, type ParamRef, resolveParams } from "./params.ts";
export { type PrimedGraph, type PrimedNode, primeGraph } from "./primed.ts";
export { retryDefaults } from "./retry.ts";
export * from "./types.ts";
export { parseGraph, type Validation, validateGraph } from "./validate.ts";
