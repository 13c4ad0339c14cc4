import { builtInAdapter, builtInAdapters, isBuiltInAdapter } from "../../../builtins/input-adapters/index.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { withHint } from "../../../graph/format/near-name.ts";
import { knownKeys } from "../../model/schema.ts";
import type { FlowHead, InputOptions, Step } from "../../model/step.ts";
import { builderName, wireName } from "../../model/wire-names.ts";
import { fromFindings } from "../edge/check.ts";

/**
 * The adapter in `input` is one of the flow's and has something to read. Its arguments, and the data that it delivers,
 * are checked with the graph, by `checkInput` and `checkData`.
 */
export function inputFindings(
  step: Step,
  input: InputOptions,
  { seen, head }: { readonly seen: ReadonlySet<string>; readonly head: FlowHead },
): string[] {
  if (step.options.after.length === 0) return [formatMessage("rootInput", { node: step.id })];
  const { adapter, metaListKey } = input;
  if (!isAdapter(adapter, head)) return [unknownAdapter(adapter, head)];
  const { takesListKey, needsListKey } = builtInAdapter(adapter) ?? {};
  const isKeyRefused = metaListKey !== undefined && !takesListKey;
  const isKeyMissing = metaListKey === undefined && needsListKey;
  const called = { owner: `node '${step.id}'`, name: `adapter '${adapter}'` };
  const missing = { ...called, key: "metaListKey" };
  const unknown = unknownArgs(input);
  return [
    ...unknown.map(({ key, known }) => withHint(formatMessage("unknownArg", { ...called, key }), key, known)),
    ...fromFindings(step, { input, seen }),
    ...(isKeyRefused ? [formatMessage("listKeyNotTaken", { adapter })] : []),
    ...(isKeyMissing ? [formatMessage("missingArg", missing)] : []),
  ];
}

/** Of a built-in adapter; those of the flow's own adapters have no other names in the graph, whose checks report them. */
function unknownArgs({ adapter, from: _, ...args }: InputOptions) {
  const keys = isBuiltInAdapter(adapter) ? knownKeys(builtInAdapters[adapter].args) : undefined;
  if (keys === undefined) return [];
  const known = ["adapter", "from", ...keys.filter((key) => !isSource(key)).map(builderName)];
  const isUnknown = (key: string) =>
    !["adapter", "metaListKey", "where"].includes(key) && !keys.includes(wireName(key));
  return Object.entries(args).flatMap(([key, value]) =>
    value !== undefined && isUnknown(key) ? [{ key, known }] : [],
  );
}

const isSource = (key: string): boolean => ["from", "from_nodes", "where"].includes(key);

const ownAdapters = ({ inputAdapters }: FlowHead) => inputAdapters.map(({ name }) => name);

export const isAdapter = (name: string, head: FlowHead): boolean =>
  isBuiltInAdapter(name) || ownAdapters(head).includes(name);

export const unknownAdapter = (adapter: string, head: FlowHead): string =>
  withHint(formatMessage("unknownAdapter", { adapter }), adapter, [
    ...Object.keys(builtInAdapters),
    ...ownAdapters(head),
  ]);
