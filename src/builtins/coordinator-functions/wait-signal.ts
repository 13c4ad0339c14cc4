import * as z from "zod";
import type { Json, JsonObject } from "../../errors/index.ts";
import { replaceRefs } from "../../graph/format/params.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import { badFnArgs, builtIn } from "./function.ts";

/**
 * `wait.signal`: its output is the payload of the signal that its task receives, which matches the JSON Schema `payload`.
 * After the node's `timeout_sec`, it is `on_timeout`; if that is not given, the node fails with the reason code `timeout`.
 */
export const waitSignal = builtIn({
  args: z.strictObject({ payload: z.record(z.string(), z.unknown()).optional(), on_timeout: z.unknown().optional() }),
  output: z.unknown(),
  awaitsSignal: true,
  outputOf: signalSchema,
  run: () => {
    throw badFnArgs("a signal is received by the coordinator, so it cannot be run");
  },
});

/** The JSON Schema of a signal, from the arguments in a graph, where a key `$ref` is written `$$ref`. */
export function signalSchema({ payload }: JsonObject): JsonObject {
  if (!isObject(payload)) return {};
  return replaceRefs(payload, [], ({ value }) => value) as JsonObject;
}

export interface WaitSignalTypes {
  readonly open: {};
  readonly written: { readonly payload: JsonObject; readonly onTimeout?: Json };
  readonly output: Json;
}
