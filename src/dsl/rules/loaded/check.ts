import type { HandlerDefinition } from "../../../definitions/index.ts";
import type { Json, JsonObject } from "../../../errors/index.ts";
import { Assignability } from "../../../graph/data/fit.ts";
import { mismatchText } from "../../../graph/data/mismatch.ts";
import { readSchema } from "../../../graph/data/read-schema.ts";
import { storedType, wireType } from "../../../graph/data/zod-data.ts";
import { say } from "../../../graph/format/messages.ts";
import { withHint } from "../../../graph/format/near-name.ts";
import { argumentsOf, replaceRefs } from "../../../graph/format/param-refs.ts";
import {
  coordinatorFnType,
  type Graph,
  type GraphNode,
  type TypeSchemas,
  validateGraph,
} from "../../../graph/index.ts";
import { paramReference } from "../../model/param.ts";
import { type HandlerStep, handlerFindings, handlerSchemas } from "../args/check.ts";
import { parentFindings } from "../handler/check.ts";
import { paramFindings } from "../params/check.ts";
import type { Args } from "../schema/check.ts";
import { type GivenTypeSchemas, type LoadedWith, schemaParts } from "./load-options.ts";

/** Whether the code that a graph is loaded with is the graph's, in sentences. */
export function loadedFindings(graph: Graph, given: LoadedWith): string[] {
  const findings = definitionFindings(graph, given);
  return findings.length > 0 ? findings : edgeFindings(graph, given);
}

/** Whether the handlers fit each other, where the graph itself doesn't say what they take. */
function edgeFindings(graph: Graph, { handlers, fns, adapters }: LoadedWith): string[] {
  const validation = validateGraph(graph, { handlers: [...handlers.values()], functions: fns, adapters });
  return validation.ok ? [] : validation.findings.map(({ message }) => message);
}

function definitionFindings(graph: Graph, { handlers, schemas }: LoadedWith): string[] {
  const types = new Set(graph.nodes.map(({ type }) => type).filter((type) => type !== coordinatorFnType));
  const all = [...types].join(", ");
  const unlessKnown = (type: string, message: string) => (types.has(type) ? [] : [withHint(message, type, types)]);
  return [
    ...[...handlers.keys()].flatMap((handler) => unlessKnown(handler, say("handlerOfNoType", { handler, types: all }))),
    ...Object.keys(schemas).flatMap((type) => unlessKnown(type, say("schemasOfNoType", { type, types: all }))),
    ...[...handlers].flatMap(([name, handler]) => contradictions(`handler '${name}'`, handler, graph.schemas?.[name])),
    ...Object.entries(schemas).flatMap(([type, given]) =>
      contradictions(`schemas.${type}`, given, graph.schemas?.[type]),
    ),
    ...nodeFindings(graph, handlers).map(({ message }) => message),
  ];
}

/** Whether nodes stand where their handlers can, and give them the arguments that they take. */
export function nodeFindings(
  graph: Graph,
  handlers: ReadonlyMap<string, HandlerDefinition>,
): readonly { readonly index: number; readonly message: string }[] {
  return graph.nodes.flatMap((node, index) => {
    const handler = handlers.get(node.type);
    return handler === undefined ? [] : findingsOf(node, handler, graph).map((message) => ({ index, message }));
  });
}

function contradictions(what: string, given: GivenTypeSchemas, declared: TypeSchemas | undefined): string[] {
  return schemaParts.flatMap((part) => {
    const schema = given[part];
    const wanted = declared?.[part];
    if (schema === undefined || wanted === undefined) return [];
    // What is taken may be more than the graph promises, what is stored may be less.
    const why =
      part === "output"
        ? mismatchText(storedType(schema), readSchema(wanted), new Assignability())
        : mismatchText(readSchema(wanted), wireType(schema), new Assignability());
    return why === undefined ? [] : [say("contradictsGraph", { what, part, why })];
  });
}

function findingsOf(node: GraphNode, handler: HandlerDefinition, graph: Graph): readonly string[] {
  const { node_id: id, depends_on: after } = node;
  const step = { id, handler, options: { after } };
  const args = builderArguments(node);
  return [
    ...parentFindings(handler, { node: id, after }),
    ...handlerFindings(step, args),
    ...paramTypes({ step, args, graph }),
  ];
}

/** Whether the parameters are what their places need. A graph without a schema of them doesn't say. */
function paramTypes(of: { readonly step: HandlerStep; readonly args: Args; readonly graph: Graph }): readonly string[] {
  const { params_schema: paramsSchema, schemas } = of.graph;
  if (paramsSchema === undefined) return [];
  const head = { name: undefined, paramsSchema: undefined, inputAdapters: [], loaded: { paramsSchema, schemas } };
  return paramFindings(of.args, handlerSchemas(of.step).map(wireType), head);
}

/** A node's own arguments as the builder has them: with {@link paramReference} for references, and keys unescaped. */
function builderArguments(node: GraphNode): Args {
  const [own] = argumentsOf(node.io ?? {});
  if (own === undefined) return {};
  // What stands for a reference is only looked at by checks that know it.
  const asParam = ({ name = [] }: { readonly name: readonly string[] | undefined }) =>
    paramReference(name.join(".")) as unknown as Json;
  return replaceRefs(own.value, [], asParam) as JsonObject;
}
