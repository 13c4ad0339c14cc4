import type { $ZodType } from "zod/v4/core";
import type {
  CoordinatorFunctionDefinition,
  HandlerDefinition,
  InputAdapterDefinition,
} from "../../../definitions/index.ts";
import { FlowError } from "../../../errors/index.ts";
import { say } from "../../../graph/format/messages.ts";
import { isSchema } from "../../model/schema.ts";

/** What `fromGraph` is given, by whomever. */
export interface LoadOptions {
  readonly handlers?: unknown;
  readonly adapters?: unknown;
  readonly fns?: unknown;
  readonly schemas?: unknown;
}

export interface LoadedWith {
  readonly handlers: ReadonlyMap<string, HandlerDefinition>;
  readonly adapters: readonly InputAdapterDefinition[];
  readonly fns: readonly CoordinatorFunctionDefinition[];
  readonly schemas: Readonly<Record<string, GivenTypeSchemas>>;
}

/** Zod schemas of one node type. */
export type GivenTypeSchemas = { readonly [TPart in SchemaPart]?: $ZodType };
export const schemaParts = ["args", "input", "output"] as const;
type SchemaPart = (typeof schemaParts)[number];

/** @throws FlowError `FLOW_INVALID` when an option is not what it must be, or two definitions share a name */
export function readLoadOptions({ handlers = [], adapters = [], fns = [], schemas = {} }: LoadOptions): LoadedWith {
  const list = isRecord(handlers) ? Object.values(handlers) : handlers;
  if (!isListOf(list, "handler")) throw wrong("handlers", "a list or record of handlers made by defineHandler()");
  if (!isListOf(adapters, "inputAdapter"))
    throw wrong("adapters", "a list of input adapters made by defineInputAdapter()");
  if (!isListOf(fns, "coordinatorFn")) throw wrong("fns", "a list of functions made by defineCoordinatorFn()");
  if (!isSchemas(schemas)) throw wrong("schemas", "zod schemas by node type: { type: { args?, input?, output? } }");
  return {
    handlers: byName("handlers", list as readonly HandlerDefinition[]),
    adapters: [...byName("input adapters", adapters as readonly InputAdapterDefinition[]).values()],
    fns: [...byName("coordinator functions", fns as readonly CoordinatorFunctionDefinition[]).values()],
    schemas,
  };
}

const wrong = (option: string, needs: string) => new FlowError("FLOW_INVALID", say("loadOption", { option, needs }));

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isListOf = (value: unknown, kind: string): boolean =>
  Array.isArray(value) && value.every((item) => isRecord(item) && item.kind === kind);

const isSchemas = (value: unknown): value is LoadedWith["schemas"] =>
  isRecord(value) &&
  Object.values(value).every(
    (parts) =>
      isRecord(parts) &&
      Object.entries(parts).every(([part, schema]) => {
        return schemaParts.some((known) => known === part) && (schema === undefined || isSchema(schema));
      }),
  );

function byName<TDefinition extends { readonly name: string }>(
  what: string,
  definitions: readonly TDefinition[],
): ReadonlyMap<string, TDefinition> {
  const found = new Map<string, TDefinition>();
  for (const definition of definitions) {
    const { name } = definition;
    const other = found.get(name);
    if (other !== undefined && other !== definition) {
      throw new FlowError("FLOW_INVALID", say("twoOfOneName", { what, name }));
    }
    found.set(name, definition);
  }
  return found;
}
