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

/** A flow of the builder, of which types are known to its own file only. */
export interface LoadableFlow extends FlowDefinition<UntypedFlow> {
  compile(options?: CompileOptions): Graph;
}

/** A flow is a thenable by its `.then`, which an async function would wait for: it travels in a box. */
export interface FlowBox {
  readonly flow: LoadableFlow;
}

/**
 * The flow that a file exports: by default, or the only one, or the one of this name.
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
      hint: `Choose one: --export ${first?.key}`,
    });
  }
  if (first !== undefined) return { flow: first.flow };
  const near = Object.entries(exports).find(([, value]) => adviceOn(value) !== undefined);
  if (near !== undefined) throw notAFlow(file, ...near);
  const keys = Object.keys(exports);
  const has = keys.length === 0 ? "exports nothing" : `exports no flow, only ${keys.join(", ")}`;
  throw new CliError("CLI_NO_FLOW", `${file} ${has}`, {
    hint: 'Export what flow() and its .node() return: export const etl = flow("etl").node(...)',
  });
}

function named(exports: ModuleExports, { file, name }: { readonly file: string; readonly name: string }): FlowBox {
  if (!Object.hasOwn(exports, name)) {
    const keys = Object.keys(exports);
    const near = nearName(name, keys);
    throw new CliError("CLI_EXPORT_UNKNOWN", `${file} exports no '${name}'`, {
      hint: near === undefined ? `It exports ${keys.join(", ") || "nothing"}.` : `Did you mean '${near}'?`,
    });
  }
  const value = exports[name];
  if (!isFlow(value)) throw notAFlow(file, name, value);
  return { flow: value };
}

function notAFlow(file: string, key: string, value: unknown): CliError {
  return new CliError("CLI_NOT_A_FLOW", `${file} exports '${key}', which is ${kindOf(value)} and no flow`, {
    hint: adviceOn(value) ?? "Export what flow() and its .node() return.",
  });
}

function kindOf(value: unknown): string {
  if (isPromise(value)) return "a promise";
  if (typeof value === "function") return "a function";
  if (isGraph(value)) return "a compiled graph";
  return typeof value === "object" ? (value === null ? "null" : "an object") : `a ${typeof value}`;
}

/** For what is exported where a flow was meant. */
function adviceOn(value: unknown): string | undefined {
  if (isPromise(value))
    return "A flow can't be awaited: load what it needs with a top-level `await`, then build and export it.";
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
 * All handlers, input adapters and functions that a file exports: each by itself, in lists and records, and those of
 * its flows.
 *
 * @throws CliError `CLI_NO_HANDLERS`
 */
export function exportedDefinitions(exports: ModuleExports, file: string): Definitions {
  const found = new Set<unknown>();
  const look = (value: unknown, depth: number): void => {
    if (isFlow(value)) {
      for (const list of [Object.values(value.handlers), value.inputAdapters, value.coordinatorFns]) look(list, 1);
    } else if (isObject(value) && !isPromise(value)) {
      if (typeof value.kind === "string" && typeof value.name === "string") found.add(value);
      else if (depth > 0) for (const inner of Object.values(value)) look(inner, depth - 1);
    }
  };
  for (const value of Object.values(exports)) look(value, 1);
  const ofKind = <T>(kind: string) => [...found].filter((value) => isObject(value) && value.kind === kind) as T[];
  const definitions: Definitions = {
    handlers: ofKind("handler"),
    adapters: ofKind("inputAdapter"),
    fns: ofKind("coordinatorFn"),
  };
  if (Object.values(definitions).every((list) => list.length === 0)) {
    throw new CliError("CLI_NO_HANDLERS", `${file} exports no handler`, {
      hint: "Export what defineHandler returns: by itself, in a list, or in a record.",
    });
  }
  return definitions;
}
