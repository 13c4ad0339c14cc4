import type { ExternalTypes } from "../core/interop/index.ts";
import type { HandlerDefinition } from "../definitions/index.ts";
import { FlowError } from "../errors/index.ts";

/** A node type known by name only: its handler is in a worker elsewhere. */
export interface WorkerType<TName extends string = string> {
  readonly name: TName;
}

/** Handlers as a list, or as a record such as `flow.handlers`. */
export type HandlerList<THandler> = readonly THandler[] | Readonly<Record<string, THandler>>;

/** The node types that may be run. */
export interface KnownTypes {
  readonly names: readonly string[];
  /** The option that names them. */
  readonly list: "handlers" | "workerTypes";
  /** The types that external workers serve. */
  readonly external: ExternalTypes | undefined;
  /** The types whose handlers are known to have a `finalize`. */
  readonly finalizing: readonly string[];
}

/** @throws FlowError `ENGINE_OPTIONS` */
export function handlersByName<THandler extends HandlerDefinition>(
  what: string,
  handlers: HandlerList<THandler>,
): ReadonlyMap<string, THandler> {
  if (typeof handlers !== "object" || handlers === null) throw needs(what, "handlers: a list or a record");
  const list: readonly THandler[] = Array.isArray(handlers) ? handlers : Object.values(handlers);
  if (!list.every(isHandler)) throw needs(what, "handlers made by defineHandler()");
  return byName("handler", list);
}

/** @throws FlowError `ENGINE_OPTIONS` */
export function knownTypes(
  what: string,
  options: {
    readonly handlers?: HandlerList<{ readonly name: string }> | undefined;
    readonly workerTypes?: readonly string[] | undefined;
    readonly externalTypes?: readonly string[] | undefined;
  },
): KnownTypes {
  const { handlers, workerTypes, externalTypes = [] } = options;
  if ((handlers === undefined) === (workerTypes === undefined)) {
    throw needs(what, "either handlers or workerTypes");
  }
  if (handlers !== undefined) {
    const byType = handlersByName(what, handlers as HandlerList<HandlerDefinition>);
    const restarting = [...byType.values()].filter(({ resumable }) => !resumable).map(({ name }) => name);
    const names = [...byType.keys()];
    const external = externalAmong(what, { externalTypes, names, restarting });
    const finalizing = [...byType.values()].filter(({ finalize }) => finalize !== undefined).map(({ name }) => name);
    return { list: "handlers", names, external, finalizing };
  }
  if (!isListOfNames(workerTypes)) throw needs(what, "workerTypes: a list of node types");
  const names = [...new Set(workerTypes)];
  const external = externalAmong(what, { externalTypes, names, restarting: [] });
  return { list: "workerTypes", names, external, finalizing: [] };
}

function externalAmong(
  what: string,
  among: {
    readonly externalTypes: readonly string[];
    readonly names: readonly string[];
    readonly restarting: readonly string[];
  },
): ExternalTypes | undefined {
  const { externalTypes, names, restarting } = among;
  if (!Array.isArray(externalTypes)) throw needs(what, "externalTypes to be a list of node types");
  const unknown = externalTypes.find((type) => !names.includes(type));
  if (unknown !== undefined) throw needs(what, `'${unknown}' of externalTypes among its node types`);
  if (externalTypes.length === 0) return undefined;
  return { types: new Set(externalTypes), restarting: new Set(restarting) };
}

const isHandler = (value: unknown): boolean =>
  typeof value === "object" && value !== null && typeof (value as { readonly name?: unknown }).name === "string";

const isListOfNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string" && each !== "");

const needs = (what: string, which: string): FlowError => new FlowError("ENGINE_OPTIONS", `${what} needs ${which}`);

/**
 * Definitions by name.
 *
 * @throws FlowError `ENGINE_OPTIONS` if two different ones have the same name
 */
export function byName<T extends { readonly name: string }>(
  what: string,
  definitions: Iterable<T>,
): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const definition of definitions) {
    const there = map.get(definition.name);
    if (there !== undefined && there !== definition) {
      throw new FlowError("ENGINE_OPTIONS", `two different ${what}s are named '${definition.name}'`);
    }
    map.set(definition.name, definition);
  }
  return map;
}
