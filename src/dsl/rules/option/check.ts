import { formatMessage } from "../../../graph/format/messages.ts";
import { withHint } from "../../../graph/format/near-name.ts";
import { batchFields, type Field, ioFields, nodeFields } from "../../../graph/format/node-fields.ts";
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
  concurrency: "limits",
} as const;

const fields = Object.values<Field>({ ...nodeFields, ...ioFields, ...batchFields });
const optionsOf = (of: readonly Field[]): readonly string[] => of.flatMap(({ option = [] }) => option);

const optionNames = {
  node: ["after", "input", "args", ...optionsOf(fields)],
  fn: ["after", "args", ...optionsOf(fields.filter(({ handlersOnly }) => !handlersOnly))],
};

/** Every option of a step is one that its kind of step has. */
export function optionFindings({ kind, id: node, options }: Step & { readonly kind: "node" | "fn" }): string[] {
  const known = optionNames[kind];
  return Object.keys(options)
    .filter((option) => !known.includes(option))
    .map((option) => withHint(formatMessage("unknownOption", { node, option }), option, known, optionSynonyms));
}
