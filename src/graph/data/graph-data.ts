import type { $ZodType } from "zod/v4/core";
import type { JsonObject } from "../../errors/index.ts";
import { isObject } from "../format/plain-data.ts";
import { coordinatorFnType, type Graph } from "../format/types.ts";
import type { DataType } from "./data-type.ts";
import { readSchema } from "./read-schema.ts";
import { storedType, wireType } from "./zod-data.ts";

/** What is known of the data of nodes and adapters; `undefined` where nothing is. */
export interface KnownData {
  /** What one batch of a node stores. */
  outputOf(nodeId: string): DataType | undefined;
  /** What a node takes as one batch. */
  inputOf(nodeId: string): DataType | undefined;
  /** What an adapter that is no built-in one makes. */
  payloadOf(adapter: string): DataType | "as it is" | undefined;
}

/** Where the data of a graph's nodes is described: in its `schemas`, or by what its caller knows. */
export interface DataSources {
  readonly schemas: JsonObject | Graph["schemas"];
  readonly handlers?: readonly NamedData[] | undefined;
  readonly functions?: readonly { readonly name: string; readonly output?: $ZodType }[] | undefined;
  readonly adapters?: readonly { readonly name: string; readonly payload?: $ZodType }[] | undefined;
}

/** A handler as far as its data goes. */
export interface NamedData {
  readonly name: string;
  readonly input?: $ZodType;
  readonly output: $ZodType;
}

/** A node as far as it says what it runs. */
interface Runs {
  readonly type?: string | undefined;
  readonly fn?: string | undefined;
}

/** What is known of the nodes' data. A caller's own schema is nearer to what runs than the text in the graph. */
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
  return {
    inputOf: (nodeId) => {
      const type = worker(nodeId);
      if (type === undefined) return undefined;
      const input = handlers.get(type)?.input;
      return input === undefined ? written(type, "input") : wireType(input);
    },
    outputOf: (nodeId) => {
      const type = worker(nodeId);
      if (type === undefined) {
        const output = functions.get(nodeOf(nodeId)?.fn ?? "")?.output;
        return output === undefined ? undefined : storedType(output);
      }
      const output = handlers.get(type)?.output;
      return output === undefined ? written(type, "output") : storedType(output);
    },
    payloadOf: (name) => {
      const adapter = adapters.get(name);
      if (adapter === undefined) return undefined;
      return adapter.payload === undefined ? "as it is" : wireType(adapter.payload);
    },
  };
}

function byName<TItem extends { readonly name: string }>(items: readonly TItem[] = []): ReadonlyMap<string, TItem> {
  return new Map(items.map((item) => [item.name, item]));
}
