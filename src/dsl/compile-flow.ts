import type { $ZodType } from "zod/v4/core";
import type { HandlerDefinition } from "../definitions/index.ts";
import { FlowError, type JsonObject } from "../errors/index.ts";
import { type Graph, parseGraph, type TypeSchemas } from "../graph/index.ts";
import { say } from "../graph/messages.ts";
import { storedJsonSchema, wireJsonSchema } from "../graph/wire-schema.ts";
import { nodeJson } from "./node-json.ts";
import type { FlowHead, Step } from "./step.ts";
import { checkSteps } from "./step-checks.ts";

/** From the steps of a flow to the graph JSON, checked and frozen. */
export function compileFlow(flow: {
  readonly head: FlowHead;
  readonly steps: readonly Step[];
  readonly schemas: boolean;
}): Graph {
  const { head, steps } = flow;
  if (steps.length === 0) throw new FlowError("FLOW_EMPTY", say("emptyFlow", {}));
  const findings = checkSteps(head, steps);
  if (findings.length > 0) throw invalid(head, findings);
  const json = {
    schema_version: "1.0",
    ...(head.name === undefined ? {} : { name: head.name }),
    nodes: steps.map(nodeJson),
    edges: steps.flatMap(({ id, options }) => options.after.map((parent) => [parent, id])),
    ...(head.paramsSchema === undefined ? {} : { params_schema: wireJsonSchema(head.paramsSchema) }),
    ...(flow.schemas ? { schemas: schemasOf(steps) } : {}),
  };
  try {
    return parseGraph(json, {
      handlers: handlersOf(steps),
      functions: steps.flatMap((step) => (step.kind === "fn" && typeof step.fn === "object" ? [step.fn] : [])),
      adapters: head.inputAdapters,
    });
  } catch (error) {
    if (!FlowError.is(error, "GRAPH_INVALID")) throw error;
    throw new FlowError("FLOW_INVALID", `flow${named(head)}: ${error.message}`, {
      details: error.details,
      cause: error,
    });
  }
}

function invalid(head: FlowHead, findings: readonly { readonly message: string }[]): FlowError {
  const title = findings.length === 1 ? "a mistake" : `${findings.length} mistakes`;
  const lines = findings.map(({ message }) => message);
  return new FlowError("FLOW_INVALID", [`${title} in the flow${named(head)}`, ...lines].join("\n"), {
    details: { findings: findings.map(({ message }) => ({ message })) },
  });
}

const named = ({ name }: FlowHead): string => (name === undefined ? "" : ` '${name}'`);

function schemasOf(steps: readonly Step[]): Record<string, TypeSchemas> {
  return Object.fromEntries(handlersOf(steps).map((handler) => [handler.name, typeSchemas(handler)]));
}

const handlersOf = (steps: readonly Step[]): readonly HandlerDefinition[] => [
  ...new Set(steps.flatMap((step) => (step.kind === "node" ? [step.handler] : []))),
];

function typeSchemas({ args, input, output }: HandlerDefinition): TypeSchemas {
  const part = (key: "args" | "input", schema: $ZodType | undefined): { [part: string]: JsonObject } =>
    schema === undefined ? {} : { [key]: wireJsonSchema(schema) };
  return { ...part("args", args), ...part("input", input), output: storedJsonSchema(output) };
}
