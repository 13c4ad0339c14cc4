import { nodeFindings } from "../../dsl/rules/loaded/check.ts";
import { type Graph, type ValidateOptions, validateGraph } from "../../graph/index.ts";
import { type Definitions, exportedDefinitions, exportedFlow, exportedFlows, type FlowBox } from "./exported-flow.ts";
import { readText } from "./find-file.ts";
import { importModule } from "./import-module.ts";
import { type FileFinding, InvalidGraphFile } from "./invalid-graph-file.ts";
import { type JsonSource, readJson } from "./json-source.ts";

/** A file with a graph: a module that exports a flow, or a graph JSON. */
export type GraphFile =
  | { readonly kind: "flow"; readonly file: string; readonly graph: Graph; readonly box: FlowBox }
  | { readonly kind: "json"; readonly file: string; readonly graph: Graph };

export interface GraphFileOptions {
  /** The name of the export that is the flow. */
  readonly export?: string | undefined;
  /** Compile a flow with its schemas. */
  readonly schemas?: boolean;
  /** Definitions to check a graph JSON against. */
  readonly definitions?: Definitions | undefined;
  /** Return a graph JSON even if schemas mismatch along its edges. */
  readonly allowMismatch?: boolean;
}

export const isJsonFile = (file: string): boolean => file.endsWith(".json");

/**
 * Reads and validates the graph of a file.
 *
 * @throws CliError for a file that cannot be read or has no flow
 * @throws InvalidGraphFile for a graph JSON with mistakes
 * @throws FlowError `FLOW_INVALID`, `FLOW_EMPTY` for a flow with mistakes
 */
export async function readGraphFile(file: string, options: GraphFileOptions = {}): Promise<GraphFile> {
  if (isJsonFile(file)) {
    const source = readJson(readText(file), file);
    return { kind: "json", file, graph: validGraph(source, file, options) };
  }
  const { export: name, schemas = false } = options;
  const exports = await importModule(file);
  const box = exportedFlow(exports, { file, ...(name === undefined ? {} : { name }) });
  return { kind: "flow", file, graph: box.flow.compile({ schemas }), box };
}

function validGraph(
  source: JsonSource,
  file: string,
  { definitions, allowMismatch = false }: Pick<GraphFileOptions, "definitions" | "allowMismatch">,
): Graph {
  const options = definitions === undefined ? {} : validateOptions(definitions);
  const validation = validateGraph(source.value, options);
  if (validation.ok) {
    const findings = definitions === undefined ? [] : handlerFindings(validation.graph, definitions);
    if (findings.length > 0) throw new InvalidGraphFile(file, source, findings);
    return validation.graph;
  }
  const { findings } = validation;
  if (allowMismatch && findings.every(({ code }) => code === "GRAPH_EDGE_DATA")) {
    const { schemas, ...bare } = source.value as Graph; // valid except for data along its edges
    const graph = validateGraph(bare, options);
    if (graph.ok && schemas !== undefined) return { ...graph.graph, schemas };
  }
  throw new InvalidGraphFile(file, source, findings);
}

function handlerFindings(graph: Graph, { handlers }: Definitions): readonly FileFinding[] {
  return nodeFindings(graph, new Map(handlers.map((handler) => [handler.name, handler]))).map(({ index, message }) => ({
    code: "GRAPH_HANDLER",
    path: `/nodes/${index}/io/input_inline`,
    message,
  }));
}

const validateOptions = ({ handlers, adapters, fns }: Definitions): ValidateOptions => ({
  types: handlers.map(({ name }) => name),
  handlers,
  functions: fns,
  adapters,
});

export const readDefinitions = async (file: string | undefined): Promise<Definitions | undefined> =>
  file === undefined ? undefined : exportedDefinitions(await importModule(file), file);

/**
 * Reads the definitions that several files export.
 *
 * @throws CliError
 */
export async function readAllDefinitions(files: readonly string[]): Promise<Definitions> {
  const found: Definitions[] = [];
  for (const file of files) found.push(exportedDefinitions(await importModule(file), file));
  return {
    handlers: [...new Set(found.flatMap(({ handlers }) => handlers))],
    adapters: [...new Set(found.flatMap(({ adapters }) => adapters))],
    fns: [...new Set(found.flatMap(({ fns }) => fns))],
  };
}

/**
 * Reads all flows of several files, compiled with their schemas. Of flows with the same name, keeps the one with the
 * most nodes: a file may also export what it is built on.
 *
 * @throws CliError, InvalidGraphFile, FlowError as {@link readGraphFile}
 */
export async function readAllFlows(files: readonly string[]): Promise<readonly GraphFile[]> {
  const byName = new Map<string, GraphFile>();
  for (const file of files) {
    const found: readonly GraphFile[] = isJsonFile(file)
      ? [await readGraphFile(file)]
      : exportedFlows(await importModule(file)).map((box) => ({
          kind: "flow",
          file,
          graph: box.flow.compile({ schemas: true }),
          box,
        }));
    for (const each of found) {
      const { name = file, nodes } = each.graph;
      if (nodes.length > (byName.get(name)?.graph.nodes.length ?? 0)) byName.set(name, each);
    }
  }
  return [...byName.values()];
}
