import { isPromise } from "node:util/types";
import type { UntypedFlow } from "../../core/tasks/api.ts";
import type {
  CoordinatorFunctionDefinition,
  FlowDefinition,
  HandlerDefinition,
  InputAdapterDefinition,
} from "../../definitions/index.ts";
import type { CompileOptions } from "../../dsl/index.ts";
import { nearName } from "../../graph/format/near-name.ts";
import type { Graph } from "../../graph/index.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { ModuleExports } from "./import-module.ts";

/** A flow of the builder; its types are known only in its own file. */
export interface LoadableFlow extends FlowDefinition<UntypedFlow> {
  compile(options?: CompileOptions): Graph;
}

/** Boxed, because a flow has a `.then` that an async function returning it would call. */
export interface FlowBox {
  readonly flow: LoadableFlow;
}

/**
 * Selects the flow that a file exports: the one of the given name, the default export, or the only flow.
 *
 * @throws CliError `CLI_NO_FLOW`, `CLI_SEVERAL_FLOWS`, `CLI_NOT_A_FLOW`, `CLI_EXPORT_UNKNOWN`
 */
export function exportedFlow(exports: ModuleExports, from: { readonly file: string; readonly name?: string }): FlowBox {
  const { file, name } = from;
  if (name !== undefined) return named(exports, { file, name });
  if (isFlow(exports.default)) return { flow: exports.default };
  const flows = Object.entries(exports).flatMap(([key, value]) => (isFlow(value) ? [{ key, flow: value }] : []));
  const [first, second] = flows;
  if (second !== undefined) {
    const names = flows.map(({ key }) => key).join(", ");
    throw new CliError("CLI_SEVERAL_FLOWS", `${file} exports ${flows.length} flows: ${names}`, {
      hint: `Select one: --export ${first?.key}`,
    });
  }
  if (first !== undefined) return { flow: first.flow };
  const near = Object.entries(exports).find(([, value]) => adviceOn(value) !== undefined);
  if (near !== undefined) throw notAFlow(file, ...near);
  const keys = Object.keys(exports);
  const found = keys.length === 0 ? "has no exports" : `does not export a flow; its exports: ${keys.join(", ")}`;
  throw new CliError("CLI_NO_FLOW", `${file} ${found}`, {
    hint: 'Export a flow: export const etl = flow("etl").node(...)',
  });
}

/** All flows that a file exports. */
export function exportedFlows(exports: ModuleExports): readonly FlowBox[] {
  return [...new Set(Object.values(exports).filter(isFlow))].map((flow) => ({ flow }));
}

function named(exports: ModuleExports, { file, name }: { readonly file: string; readonly name: string }): FlowBox {
  if (!Object.hasOwn(exports, name)) {
    const keys = Object.keys(exports);
    const near = nearName(name, keys);
    throw new CliError("CLI_EXPORT_UNKNOWN", `${file} has no export '${name}'`, {
      hint: near === undefined ? `Its exports: ${keys.join(", ") || "none"}` : `Did you mean '${near}'?`,
    });
  }
  const value = exports[name];
  if (!isFlow(value)) throw notAFlow(file, name, value);
  return { flow: value };
}

function notAFlow(file: string, key: string, value: unknown): CliError {
  return new CliError("CLI_NOT_A_FLOW", `export '${key}' of ${file} is ${kindOf(value)}, not a flow`, {
    hint: adviceOn(value) ?? "Export the value that flow() or .node() returns.",
  });
}

function kindOf(value: unknown): string {
  if (isPromise(value)) return "a promise";
  if (typeof value === "function") return "a function";
  if (isGraph(value)) return "a compiled graph";
  return typeof value === "object" ? (value === null ? "null" : "an object") : `a ${typeof value}`;
}

/** How to turn an export that is almost a flow into one. */
function adviceOn(value: unknown): string | undefined {
  if (isPromise(value))
    return "A flow cannot be awaited: load its data with a top-level `await`, then build and export it.";
  if (isGraph(value)) return "Export the flow itself, without .compile().";
  return undefined;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

const isGraph = (value: unknown): boolean =>
  isObject(value) && Array.isArray(value.nodes) && Array.isArray(value.edges);

const isFlow = (value: unknown): value is LoadableFlow =>
  isObject(value) &&
  typeof value.compile === "function" &&
  isObject(value.handlers) &&
  Array.isArray(value.inputAdapters);

export interface Definitions {
  readonly handlers: readonly HandlerDefinition[];
  readonly adapters: readonly InputAdapterDefinition[];
  readonly fns: readonly CoordinatorFunctionDefinition[];
}

/**
 * Collects the handlers, input adapters and coordinator functions that a file exports: directly, in lists and records,
 * and in flows.
 *
 * @throws CliError `CLI_NO_HANDLERS`
 */
export function exportedDefinitions(exports: ModuleExports, file: string): Definitions {
  const found = new Set<unknown>();
  const collect = (value: unknown, depth: number): void => {
    if (isFlow(value)) {
      for (const list of [Object.values(value.handlers), value.inputAdapters, value.coordinatorFns]) collect(list, 1);
    } else if (isObject(value) && !isPromise(value)) {
      if (typeof value.kind === "string" && typeof value.name === "string") found.add(value);
      else if (depth > 0) for (const inner of Object.values(value)) collect(inner, depth - 1);
    }
  };
  for (const value of Object.values(exports)) collect(value, 1);
  const ofKind = <T>(kind: string) => [...found].filter((value) => isObject(value) && value.kind === kind) as T[];
  const definitions: Definitions = {
    handlers: ofKind("handler"),
    adapters: ofKind("inputAdapter"),
    fns: ofKind("coordinatorFn"),
  };
  if (Object.values(definitions).every((list) => list.length === 0)) {
    throw new CliError("CLI_NO_HANDLERS", `${file} exports no handler`, {
      hint: "Export the value that defineHandler() returns: directly, in a list, or in a record.",
    });
  }
  return definitions;
}
