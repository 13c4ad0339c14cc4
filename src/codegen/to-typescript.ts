import type { Json } from "../errors/index.ts";
import { isObject } from "../graph/format/plain-data.ts";
import { findParamRefs, flowType, type Graph, type GraphNode, workerTypes } from "../graph/index.ts";
import { awaitsSignal } from "../graph/mermaid.ts";
import { beyondBuilder } from "./beyond-builder.ts";
import { Identifiers } from "./identifiers.ts";
import { array, call, type Doc, render } from "./layout.ts";
import { literal, objectOf, stringLiteral } from "./literals.ts";
import { type DefinitionNames, nodeCall } from "./node-call.ts";
import { adapterSkeleton, functionSkeleton, handlerSkeleton } from "./skeleton.ts";
import { type SourceGraph, sourceGraph } from "./source-graph.ts";
import { isExact, zodSource } from "./zod-source.ts";

/** Options of `toTypeScript`. */
export interface ToTypeScriptOptions {
  /**
   * The module that exports the handlers and your own input adapters and coordinator functions, each under its name in
   * camel case (`load-rows` as `loadRows`, `delete` as `deleteHandler`).
   *
   * @defaultValue none: the source contains a skeleton of each, to be implemented
   */
  readonly handlersFrom?: string;
}

/** A validated graph, or one as loaded from a file. */
type GraphJson = Graph | { readonly nodes: readonly object[]; readonly [key: string]: unknown };

/**
 * Generates the TypeScript source that builds a graph. The flow compiles to the same graph, with the default adapter
 * where the graph names none, and without `schemas` unless requested.
 *
 * @example
 * toTypeScript({ nodes: [{ node_id: "extract", type: "extractor" }] }, { handlersFrom: "./handlers.ts" })
 * // import { flow } from "flowkit";
 * // import { extractor } from "./handlers.ts";
 * //
 * // export const pipeline = flow().node("extract", extractor);
 *
 * @param graph - any graph JSON
 * @returns the source of a module that exports the flow
 * @throws FlowError `GRAPH_INVALID` with all mistakes of the graph in `details.findings`
 */
export function toTypeScript(graph: GraphJson, options: ToTypeScriptOptions = {}): string {
  return new Module(sourceGraph(graph), options.handlersFrom).text();
}

/** Names that a module may import, and that its other identifiers must not use. */
const importable = [
  ...["asHandler", "exists", "flow", "fromGraph", "not", "param", "z"],
  ...["defineHandler", "defineInputAdapter", "defineCoordinatorFn", "PermanentError"],
];

/** A flow of the module. */
interface FlowPart {
  readonly source: SourceGraph;
  /** Its identifier. */
  readonly name: string;
  readonly names: DefinitionNames;
  /** How many nodes are written as JSON, and why. */
  readonly loaded: { readonly count: number; readonly why: readonly string[] };
}

class Module {
  /** The flows that others run come before these; the graph itself is the last. */
  readonly #flows: FlowPart[] = [];
  readonly #from: string | undefined;
  readonly #names: Omit<DefinitionNames, "flows"> & { readonly adapters: ReadonlyMap<string, string> };
  readonly #ids = new Identifiers(importable);

  constructor(source: SourceGraph, handlersFrom: string | undefined) {
    this.#from = handlersFrom;
    const named = (list: readonly string[], suffix: string) =>
      new Map(list.map((name) => [name, this.#ids.of(name, suffix)]));
    this.#names = {
      handlers: named(workerTypes(source.graph), "Handler"),
      adapters: named(source.adapters, "Adapter"),
      fns: named(source.fns, "Fn"),
      mayPropose: handlersFrom !== undefined,
    };
    this.#addFlow(source);
  }

  /** The same graph is one flow, wherever it is run. */
  #addFlow(source: SourceGraph): string {
    const flows = new Map([...source.flows].map(([name, inner]) => [name, this.#addFlow(inner)]));
    const text = JSON.stringify(source.graph);
    const known = this.#flows.find((flow) => JSON.stringify(flow.source.graph) === text);
    if (known !== undefined) return known.name;
    const name = this.#ids.of(source.graph.name ?? "pipeline", "Flow");
    this.#flows.push({ source, name, names: { ...this.#names, flows }, loaded: loadedPart(source) });
    return name;
  }

  text(): string {
    const flows = this.#flows.map((flow, index) => this.#flow(flow, index === this.#flows.length - 1));
    const parts = [this.#header(), this.#imports(), ...this.#definitions(), ...flows];
    return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
  }

  #header(): string {
    if (this.#from !== undefined) return "";
    return [
      "// Generated from a graph by toTypeScript(). The handlers are a skeleton: their schemas come from the graph, their",
      "// methods are yours to implement.",
    ].join("\n");
  }

  #imports(): string {
    const { handlers, adapters, fns } = this.#names;
    const written = this.#flows.flatMap(({ source, loaded }) => source.nodes.slice(loaded.count));
    const isRef = ({ source: { graph, nodes }, loaded: { count } }: FlowPart) =>
      findParamRefs({ ...graph, nodes: nodes.slice(count) }).length > 0;
    const isSkeleton = this.#from === undefined;
    const hasDefinitions = handlers.size + adapters.size + fns.size > 0;
    const uses: readonly (readonly [string, boolean])[] = [
      ["PermanentError", isSkeleton && hasDefinitions],
      ["asHandler", written.some(({ type }) => type === flowType)],
      ["defineCoordinatorFn", isSkeleton && fns.size > 0],
      ["defineHandler", isSkeleton && handlers.size > 0],
      ["defineInputAdapter", isSkeleton && adapters.size > 0],
      ["exists", hasOperator(written, "$exists")],
      ["flow", this.#flows.some(({ loaded }) => loaded.count === 0)],
      ["fromGraph", this.#flows.some(({ loaded }) => loaded.count > 0)],
      ["not", hasOperator(written, "$not") || hasOperator(written, "$exists", false)],
      ["param", this.#flows.some(isRef)],
    ];
    const hasParams = ({ source, loaded }: FlowPart) => loaded.count === 0 && source.graph.params_schema !== undefined;
    const hasZod = (isSkeleton && hasDefinitions) || this.#flows.some(hasParams) || written.some(awaitsSignal);
    const own = isSkeleton ? [] : this.#ownNames().sort(byName);
    return [
      importOf(uses.flatMap(([name, isUsed]) => (isUsed ? [name] : [])).sort(byName), "flowkit"),
      ...(hasZod ? ['import * as z from "zod";'] : []),
      ...(own.length === 0 ? [] : [importOf(own, this.#from ?? "")]),
    ].join("\n");
  }

  #ownNames(): string[] {
    const { handlers, adapters, fns } = this.#names;
    return [...handlers.values(), ...adapters.values(), ...fns.values()];
  }

  #definitions(): string[] {
    if (this.#from !== undefined) return [];
    const written = (names: ReadonlyMap<string, string>, make: (name: string, source: SourceGraph) => Doc) =>
      [...names].map(([name, id]) => constant(id, make(name, this.#sourceWith(name))));
    return [
      ...written(this.#names.handlers, handlerSkeleton),
      ...written(this.#names.adapters, adapterSkeleton),
      ...written(this.#names.fns, functionSkeleton),
    ];
  }

  /** The graph whose nodes show how a definition is used: the outermost one that uses it. */
  #sourceWith(name: string): SourceGraph {
    const isUsed = ({ source }: FlowPart) =>
      source.nodes.some(({ type, io = {} }) => [type, io.fn, io.input_inline?.input_adapter].includes(name));
    return (this.#flows.findLast(isUsed) ?? (this.#flows.at(-1) as FlowPart)).source;
  }

  #flow({ source, name, names, loaded }: FlowPart, isExported: boolean): string {
    const { nodes } = source;
    const { count, why } = loaded;
    const start = count === 0 ? this.#start(source) : this.#loadedStart(source, nodes.slice(0, count));
    const calls = nodes.slice(count).map((node, index) => nodeCall(node, nodes[count + index - 1]?.node_id, names));
    const head = `${isExported ? "export " : ""}const ${name} = `;
    const parts = [
      head + render(start, { before: head.length, after: 1 }),
      ...calls.map((part) => render(part, { indent: 2, before: 2, after: 1 })),
    ];
    const line = parts.join("");
    const text = calls.length <= 1 && !line.includes("\n") && line.length < 120 ? line : parts.join("\n  ");
    return [...why.map((reason) => `// ${reason}`), `${text};`].join("\n");
  }

  #start({ graph }: SourceGraph): Doc {
    const options = objectOf({
      params: graph.params_schema === undefined ? undefined : zodSource(graph.params_schema).source,
      adapters: this.#adapters(),
    });
    const isPlain = typeof options !== "string" && options.kind === "list" && options.items.length === 0;
    const name = graph.name === undefined ? (isPlain ? [] : ["undefined"]) : [stringLiteral(graph.name)];
    return call("flow", [...name, ...(isPlain ? [] : [options])]);
  }

  #loadedStart({ graph }: SourceGraph, nodes: readonly GraphNode[]): Doc {
    const { name, params_schema: params, flows = {} } = graph;
    const run = Object.entries(flows).filter(([flow]) => nodes.some(({ io }) => io?.flow === flow));
    const inner = run.flatMap(([, flow]) => workerTypes(flow));
    const json = objectOf({
      name: name === undefined ? undefined : stringLiteral(name),
      nodes: array(nodes.map((node) => literal(node as unknown as Json))),
      params_schema: params === undefined ? undefined : literal(params),
      flows: run.length === 0 ? undefined : literal(Object.fromEntries(run) as unknown as Json),
    });
    const ofNodes = (names: ReadonlyMap<string, string>, keyOf: (node: GraphNode) => string | undefined) => {
      const keys = [...nodes.map(keyOf), ...inner];
      const found = new Set(keys.flatMap((key = "") => names.get(key) ?? []));
      return found.size === 0 ? undefined : array([...found]);
    };
    return call("fromGraph", [
      json,
      objectOf({
        handlers: ofNodes(this.#names.handlers, ({ type }) => type),
        adapters: this.#adapters(),
        fns: ofNodes(this.#names.fns, ({ io }) => io?.fn),
      }),
    ]);
  }

  #adapters(): Doc | undefined {
    const names = [...this.#names.adapters.values()];
    return names.length === 0 ? undefined : array(names);
  }
}

/** All nodes up to the last one that the builder cannot express; at least one if it cannot express the parameters. */
function loadedPart(source: SourceGraph): { readonly count: number; readonly why: readonly string[] } {
  const { nodes, graph } = source;
  const params = graph.params_schema;
  const reasons = nodes.flatMap((node, index) => {
    const reason = beyondBuilder(node, source);
    return reason === undefined ? [] : [{ index, text: `node '${node.node_id}': ${reason}` }];
  });
  const isHeadLoaded = params !== undefined && !isExact(zodSource(params), params);
  const all = [
    ...(isHeadLoaded ? [{ index: 0, text: "zod cannot reproduce its params_schema exactly" }] : []),
    ...reasons,
  ];
  if (all.length === 0) return { count: 0, why: [] };
  const most = 5;
  const more = all.length > most ? [`- and ${all.length - most} more`] : [];
  return {
    count: Math.max(...all.map(({ index }) => index)) + 1,
    why: [
      "The graph starts as JSON, because the builder cannot express:",
      ...all.slice(0, most).map(({ text }) => `- ${text}`),
      ...more,
    ],
  };
}

/** Whether the pattern of a node contains this operator, with this value if one is given. */
function hasOperator(nodes: readonly GraphNode[], operator: "$not" | "$exists", value?: Json): boolean {
  const isIn = (pattern: Json | undefined): boolean => {
    if (Array.isArray(pattern)) return pattern.some((item: Json) => isIn(item));
    if (!isObject(pattern)) return false;
    const given = pattern[operator];
    if (given !== undefined && (value === undefined || given === value)) return true;
    return Object.values(pattern).some((inner) => isIn(inner));
  };
  return nodes.some(({ io, when }) => isIn(io?.input_inline?.input_args?.where) || isIn(when as Json | undefined));
}

/** The order in which formatters sort imports: by letter, upper case before lower case. */
const byName = (a: string, b: string): number => (sortKey(a) < sortKey(b) ? -1 : 1);
const sortKey = (name: string): string =>
  name.replace(/./g, (letter) => letter.toLowerCase() + (letter === letter.toLowerCase() ? "1" : "0"));

function importOf(names: readonly string[], from: string): string {
  const line = `import { ${names.join(", ")} } from ${stringLiteral(from)};`;
  if (line.length <= 120) return line;
  return `import {\n${names.map((name) => `  ${name},\n`).join("")}} from ${stringLiteral(from)};`;
}

function constant(id: string, value: Doc): string {
  const head = `const ${id} = `;
  return `${head}${render(value, { before: head.length, after: 1 })};`;
}
