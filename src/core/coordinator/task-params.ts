import { type $ZodError, type $ZodType, safeDecode, safeEncode } from "zod/v4/core";
import { FlowError, type JsonObject } from "../../errors/index.ts";
import { say } from "../../graph/format/messages.ts";
import { paramsValidator } from "../../graph/format/params-validator.ts";
import { excessOf } from "../../graph/format/plain-data.ts";
import { defaultGraphLimits, type Graph } from "../../graph/index.ts";
import { copyJson, describeIssues, NotJsonError } from "../codec/index.ts";

/**
 * The parameters of a task in their wire form, checked and with defaults filled in: by the flow's zod schema, else by
 * the graph's JSON Schema.
 *
 * @throws FlowError `PARAMS_INVALID` with the path of each value that doesn't fit
 * @throws FlowError `PARAMS_TOO_LARGE`
 * @throws FlowError `GRAPH_INVALID` when the graph's JSON Schema asks for what can't be checked
 */
export function taskParams(options: {
  readonly params: unknown;
  readonly schema: $ZodType | undefined;
  readonly graph: Graph;
}): JsonObject {
  const { graph, params = {} } = options;
  checkSize(params); // before a schema of the graph gets to see them
  const schema = options.schema ?? fromGraph(graph);
  const wire = schema === undefined ? params : throughSchema(schema, { params, flowName: graph.name });
  if (wire !== params) checkSize(wire);
  try {
    const copy = copyJson(wire);
    if (typeof copy === "object" && copy !== null && !Array.isArray(copy)) return copy as JsonObject;
  } catch (error) {
    if (error instanceof NotJsonError) throw invalid(error.message);
    throw error;
  }
  throw invalid("must be an object");
}

function fromGraph(graph: Graph): $ZodType | undefined {
  if (graph.params_schema === undefined) return undefined;
  try {
    return paramsValidator(graph.params_schema);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new FlowError("GRAPH_INVALID", `params_schema cannot be checked: ${why}`, { cause: error });
  }
}

function checkSize(params: unknown): void {
  const excess = excessOf(params, defaultGraphLimits);
  if (excess === undefined) return;
  const key = excess === "maxBytes" ? "paramsTooLarge" : "paramsTooDeep";
  throw new FlowError("PARAMS_TOO_LARGE", say(key, { limit: defaultGraphLimits[excess] }));
}

function throughSchema(
  schema: $ZodType,
  { params, flowName }: { readonly params: unknown; readonly flowName: string | undefined },
): unknown {
  const decoded = safeDecode(schema, params);
  if (!decoded.success) throw refused(decoded.error, { params, flowName });
  // Back to the wire: what was left out and has a default is now there.
  const encoded = safeEncode(schema, decoded.data);
  if (!encoded.success) throw invalid(describeIssues(encoded.error));
  return encoded.data;
}

/** Names of parameters that are missing first, in the compiler's words. */
function refused(
  error: $ZodError,
  { params, flowName }: { readonly params: unknown; readonly flowName: string | undefined },
): FlowError {
  const missing = error.issues.flatMap(({ path: [key, ...rest] }) =>
    typeof key === "string" && rest.length === 0 && isObject(params) && params[key] === undefined ? [key] : [],
  );
  if (missing.length === 0) return invalid(describeIssues(error));
  const flow = flowName === undefined ? "this flow" : `flow '${flowName}'`;
  const sentence = say("paramsMissing", { flow, keys: missing.join(", ") });
  const isAll = missing.length === error.issues.length;
  return new FlowError("PARAMS_INVALID", isAll ? sentence : `${sentence}; ${describeIssues(error)}`);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

function invalid(what: string): FlowError {
  return new FlowError("PARAMS_INVALID", `invalid task parameters: ${what}`);
}
