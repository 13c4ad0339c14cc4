import * as z from "zod";
import { type $ZodType, safeDecode, safeEncode } from "zod/v4/core";
import { FlowError, type JsonObject } from "../../errors/index.ts";
import type { Graph } from "../../graph/index.ts";
import { copyJson, describeIssues, NotJsonError } from "../values/index.ts";

/**
 * The parameters of a task in their wire form, checked and with defaults filled in: by the flow's zod schema, else by
 * the graph's JSON Schema.
 *
 * @throws FlowError `PARAMS_INVALID` with the path of each value that doesn't fit
 */
export function taskParams(options: {
  readonly params: unknown;
  readonly schema: $ZodType | undefined;
  readonly graph: Graph;
}): JsonObject {
  const { graph, params = {} } = options;
  const schema = options.schema ?? fromGraph(graph);
  const wire = schema === undefined ? params : throughSchema(schema, params);
  try {
    const copy = copyJson(wire);
    if (typeof copy === "object" && copy !== null && !Array.isArray(copy)) return copy as JsonObject;
  } catch (error) {
    if (error instanceof NotJsonError) throw invalid(error.message);
    throw error;
  }
  throw invalid("they must be an object");
}

function fromGraph(graph: Graph): $ZodType | undefined {
  if (graph.params_schema === undefined) return undefined;
  return z.fromJSONSchema(graph.params_schema as Parameters<typeof z.fromJSONSchema>[0]);
}

function throughSchema(schema: $ZodType, params: unknown): unknown {
  const decoded = safeDecode(schema, params);
  if (!decoded.success) throw invalid(describeIssues(decoded.error));
  // Back to the wire: what was left out and has a default is now there.
  const encoded = safeEncode(schema, decoded.data);
  if (!encoded.success) throw invalid(describeIssues(encoded.error));
  return encoded.data;
}

function invalid(what: string): FlowError {
  return new FlowError("PARAMS_INVALID", `the parameters of the task don't fit: ${what}`);
}
