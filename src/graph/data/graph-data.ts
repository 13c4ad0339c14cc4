import type { $ZodType } from "zod/v4/core";
import type { JsonObject } from "../../errors/index.ts";
import { hasOwnWhere } from "../format/pattern.ts";
import { isObject } from "../format/plain-data.ts";
import { coordinatorFnType, flowType, type Graph } from "../format/types.ts";
import type { DataType } from "./data-type.ts";
import { readSchema } from "./read-schema.ts";
import { storedType, wireType } from "./zod-data.ts";

/** The known types of the data of nodes and adapters; `undefined` if unknown. */
export interface KnownData {
  /** The type of a stored batch of the node. */
  outputOf(nodeId: string): DataType | undefined;
  /** The type of the node's input, for one batch. */
  inputOf(nodeId: string): DataType | undefined;
  /** What is known about a batch that the node sets aside: its input, and the reason codes that the handler declares. */
  failingOf(nodeId: string): { readonly input: DataType | undefined; readonly codes: readonly string[] | undefined };
  /** The type of the node's result. */
  resultOf(nodeId: string): DataType | "none" | undefined;
  /** The type of the payloads that a custom adapter makes. */
  payloadOf(adapter: string): DataType | "as it is" | undefined;
  /** Whether `where` is an argument of the custom adapter itself. */
  hasOwnWhere(adapter: string): boolean;
}

/** The descriptions of data: the `schemas` of the graph, and the definitions that the caller passes. */
export interface DataSources {
  readonly schemas: JsonObject | Graph["schemas"];
  readonly flows?: JsonObject | Graph["flows"] | undefined;
  readonly handlers?: readonly NamedData[] | undefined;
  readonly functions?: readonly { readonly name: string; readonly output?: $ZodType }[] | undefined;
  /** The output of a built-in function whose arguments describe it. */
  readonly outputAsWritten?: (fn: string, args: JsonObject) => DataType | undefined;
  readonly adapters?:
    | readonly { readonly name: string; readonly args?: $ZodType; readonly payload?: $ZodType }[]
    | undefined;
}

/** The schemas of a handler. */
export interface NamedData {
  readonly name: string;
  readonly input?: $ZodType;
  readonly output: $ZodType;
  readonly result?: $ZodType;
  /** The reason codes that it declares. */
  readonly errors?: readonly string[];
  /** Present if it makes its own batches, whose payloads are not described. */
  readonly iterBatches?: unknown;
}

// The keys of a node that determine what it runs.
interface Runs {
  readonly type?: string | undefined;
  readonly fn?: string | undefined;
  readonly fn_args?: JsonObject | undefined;
  readonly flow?: string | undefined;
  readonly item?: string | undefined;
}

/** The known types. The caller's schemas take precedence, because they belong to the code that runs. */
export function knownData(sources: DataSources, nodeOf: (nodeId: string) => Runs | undefined): KnownData {
  const { schemas } = sources;
  const handlers = byName(sources.handlers);
  const functions = byName(sources.functions);
  const adapters = byName(sources.adapters);
  const written = (type: string, part: "input" | "output"): DataType | undefined => {
    const entry = schemas !== undefined && Object.hasOwn(schemas, type) ? schemas[type] : undefined;
    const schema = isObject(entry) ? entry[part] : undefined;
    return isObject(schema) ? readSchema(schema) : undefined;
  };
  const worker = (nodeId: string): string | undefined => {
    const type = nodeOf(nodeId)?.type;
    return type === coordinatorFnType ? undefined : type;
  };
  const inputOf = (nodeId: string): DataType | undefined => {
    const type = worker(nodeId);
    if (type === undefined) return undefined;
    if (type === flowType) return itemOf(nodeOf(nodeId) ?? {}, sources.flows);
    const input = handlers.get(type)?.input;
    return input === undefined ? written(type, "input") : wireType(input);
  };
  const functionOutput = ({ fn = "", fn_args = {} }: Runs): DataType | undefined => {
    const written = sources.outputAsWritten?.(fn, fn_args);
    if (written !== undefined) return written;
    const output = functions.get(fn)?.output;
    return output === undefined ? undefined : storedType(output);
  };
  return {
    inputOf,
    resultOf: (nodeId) => {
      const type = worker(nodeId);
      if (type === undefined) return functionOutput(nodeOf(nodeId) ?? {});
      const handler = handlers.get(type);
      if (type === flowType) return "none";
      if (handler === undefined) return undefined;
      return handler.result === undefined ? "none" : storedType(handler.result);
    },
    failingOf: (nodeId) => {
      const handler = handlers.get(worker(nodeId) ?? "");
      return { input: handler?.iterBatches === undefined ? inputOf(nodeId) : undefined, codes: handler?.errors };
    },
    outputOf: (nodeId) => {
      const type = worker(nodeId);
      if (type === undefined) return functionOutput(nodeOf(nodeId) ?? {});
      const output = handlers.get(type)?.output;
      return output === undefined ? written(type, "output") : storedType(output);
    },
    payloadOf: (name) => {
      const adapter = adapters.get(name);
      if (adapter === undefined) return undefined;
      return adapter.payload === undefined ? "as it is" : wireType(adapter.payload);
    },
    hasOwnWhere: (name) => hasOwnWhere(adapters.get(name)?.args),
  };
}

/** The type of the parameter that receives the batch. */
function itemOf({ flow = "", item = "" }: Runs, flows: DataSources["flows"]): DataType | undefined {
  const found = flows !== undefined && Object.hasOwn(flows, flow) ? flows[flow] : undefined;
  const schema = isObject(found) ? found.params_schema : undefined;
  const properties = isObject(schema) ? schema.properties : undefined;
  const own = isObject(properties) && Object.hasOwn(properties, item) ? properties[item] : undefined;
  return isObject(own) && isObject(schema)
    ? readSchema({ ...own, ...(isObject(schema.$defs) ? { $defs: schema.$defs } : {}) })
    : undefined;
}

function byName<TItem extends { readonly name: string }>(items: readonly TItem[] = []): ReadonlyMap<string, TItem> {
  return new Map(items.map((item) => [item.name, item]));
}
