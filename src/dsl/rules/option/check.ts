import { formatMessage } from "../../../graph/format/messages.ts";
import { withHint } from "../../../graph/format/near-name.ts";
import { batchFields, type Field, ioFields, nodeFields } from "../../../graph/format/node-fields.ts";
import { isObject } from "../../../graph/format/plain-data.ts";
import type { Step } from "../../model/step.ts";

/** What other libraries and the graph JSON call the options of a node. */
export const optionSynonyms = {
  dependsOn: "after",
  depends_on: "after",
  dependencies: "after",
  deps: "after",
  needs: "after",
  parents: "after",
  upstream: "after",
  inputs: "input",
  params: "args",
  arguments: "args",
  retries: "retry",
  retryPolicy: "retry",
  retry_policy: "retry",
  timeout: "timeoutSec",
  timeoutMs: "timeoutSec",
  on_failure: "onBatchFailure",
  tolerance: "tolerate",
  concurrency: "limits",
  filter: "where",
  condition: "when",
  if: "when",
} as const;

const fields: readonly Field[] = [nodeFields, ioFields, batchFields].flatMap((of) => Object.values<Field>(of));
const optionsOf = (of: readonly Field[]): readonly string[] => of.flatMap(({ option = [], within = option }) => within);
/** The keys of options that are objects in the builder only. */
const innerKeys = Map.groupBy(
  fields.filter(({ within }) => within !== undefined),
  ({ within }) => within,
);

const optionNames = {
  node: ["after", "where", "input", "args", ...optionsOf(fields)],
  fn: ["after", "args", ...optionsOf(fields.filter(({ handlersOnly }) => !handlersOnly))],
};

/** Every option of a step is one that its kind of step has. */
export function optionFindings({ kind, id: node, options }: Step & { readonly kind: "node" | "fn" }): string[] {
  const known = optionNames[kind];
  const unknown = Object.keys(options)
    .filter((option) => !known.includes(option))
    .map((option) => withHint(formatMessage("unknownOption", { node, option }), option, known, optionSynonyms));
  return [...unknown, ...Object.entries(options).flatMap(([option, value]) => innerFindings(node, option, value))];
}

function innerFindings(node: string, option: string, value: unknown): readonly string[] {
  const keys = innerKeys.get(option)?.flatMap((field) => field.option ?? []);
  if (keys === undefined || !isObject(value)) return [];
  return Object.keys(value)
    .filter((key) => !keys.includes(key))
    .map((key) => withHint(formatMessage("unknownOption", { node, option: `${option}.${key}` }), key, keys));
}
