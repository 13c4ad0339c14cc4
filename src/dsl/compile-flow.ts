import type { $ZodType } from "zod/v4/core";
import type { HandlerDefinition } from "../definitions/index.ts";
import { FlowError, type JsonObject } from "../errors/index.ts";
import { type Graph, parseGraph, type TypeSchemas } from "../graph/index.ts";
import { say } from "../graph/messages.ts";
import { storedJsonSchema, wireJsonSchema } from "../graph/wire-schema.ts";
import { nodeJson } from "./node-json.ts";
import { type FlowHead, handlerOf, ownFnOf, type Step } from "./step.ts";
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
    ...paramsJson(head),
    ...schemasJson(flow),
  };
  try {
    return parseGraph(json, {
      handlers: handlersOf(steps),
      functions: steps.flatMap((step) => ownFnOf(step) ?? []),
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

function paramsJson({ paramsSchema, loaded }: FlowHead): object {
  if (loaded !== undefined) return loaded.paramsSchema === undefined ? {} : { params_schema: loaded.paramsSchema };
  return paramsSchema === undefined ? {} : { params_schema: wireJsonSchema(paramsSchema) };
}

/** Schemas that a graph JSON had stay in it, asked for or not. */
function schemasJson({ head, steps, schemas }: Parameters<typeof compileFlow>[0]): object {
  const loaded = head.loaded?.schemas;
  if (!schemas) return loaded === undefined ? {} : { schemas: loaded };
  return { schemas: { ...schemasOf(steps), ...loaded } };
}

function schemasOf(steps: readonly Step[]): Record<string, TypeSchemas> {
  const byType = new Map<string, TypeSchemas>();
  for (const step of steps) {
    const handler = handlerOf(step);
    if (handler !== undefined) byType.set(handler.name, typeSchemas(handler));
    else if (step.kind === "json" && step.schemas !== undefined) byType.set(step.node.type, step.schemas);
  }
  return Object.fromEntries(byType);
}

const handlersOf = (steps: readonly Step[]): readonly HandlerDefinition[] => [
  ...new Set(steps.flatMap((step) => handlerOf(step) ?? [])),
];

function typeSchemas({ args, input, output }: HandlerDefinition): TypeSchemas {
  const part = (key: "args" | "input", schema: $ZodType | undefined): { [part: string]: JsonObject } =>
    schema === undefined ? {} : { [key]: wireJsonSchema(schema) };
  return { ...part("args", args), ...part("input", input), output: storedJsonSchema(output) };
}
