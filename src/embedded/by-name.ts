import { FlowError } from "../errors/index.ts";

/**
 * Definitions by their names.
 *
 * @throws FlowError `ENGINE_OPTIONS` when two different ones have the same name
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
