import { builtInFunctions } from "../../builtins/coordinator-functions/index.ts";
import { builtInAdapters } from "../../builtins/input-adapters/index.ts";
import { knownKeys } from "./schema.ts";

/**
 * The graph's names for arguments of built-in adapters and functions, by the builder's. Arguments of your own handlers,
 * adapters and functions keep their names.
 */
const argumentNames: ReadonlyMap<string, string> = new Map(
  [...Object.values(builtInAdapters), ...Object.values(builtInFunctions)]
    .flatMap(({ args }) => knownKeys(args) ?? [])
    .map((key) => [builderName(key), key]),
);

export const wireName = (name: string): string => argumentNames.get(name) ?? name;

/** The builder's name for a built-in name in the graph. */
export function builderName(key: string): string {
  return key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** A copy with wire names for keys, without keys whose value is `undefined`. */
export function withWireNames(options: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [[wireName(name), value]])),
  );
}
