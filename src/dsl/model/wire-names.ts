import { builtInFunctions } from "../../builtins/coordinator-functions/index.ts";
import { builtInAdapters } from "../../builtins/input-adapters/index.ts";
import { knownKeys } from "./schema.ts";

/**
 * The one mapping from the builder's names to the graph's. Only names of ours are mapped: the arguments of your
 * handlers, adapters and functions stand in the graph as you wrote them.
 */
const wireNames: Readonly<Record<string, string>> = {
  // node
  timeoutSec: "timeout_sec",
  // retry
  backoffSec: "backoff_sec",
  permanentOn: "permanent_on",
  backoffFactor: "backoff_factor",
  backoffMaxSec: "backoff_max_sec",
  // limits
  maxRunning: "max_running",
};

/** The arguments of what is built in. */
const argumentNames: ReadonlyMap<string, string> = new Map(
  [...Object.values(builtInAdapters), ...Object.values(builtInFunctions)]
    .flatMap(({ args }) => knownKeys(args) ?? [])
    .map((key) => [builderName(key), key]),
);

export const wireName = (name: string): string =>
  Object.hasOwn(wireNames, name) ? (wireNames[name] ?? name) : (argumentNames.get(name) ?? name);

/** The builder's name for a name of ours in the graph. */
export function builderName(key: string): string {
  return key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** A copy with wire names for keys, without keys whose value is `undefined`. */
export function withWireNames(options: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [[wireName(name), value]])),
  );
}
