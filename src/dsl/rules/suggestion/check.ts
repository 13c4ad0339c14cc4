import type { $ZodType } from "zod/v4/core";
import { adapterName, builtInAdapter, builtInAdapters } from "../../../builtins/input-adapters/index.ts";
import type { AdapterChoice, InputAdapterDefinition } from "../../../definitions/index.ts";
import type { JsonObject } from "../../../errors/index.ts";
import { checkArgs } from "../../../graph/checks/args.ts";
import { FindingList } from "../../../graph/format/findings.ts";
import { formatMessage } from "../../../graph/format/messages.ts";
import { withHint } from "../../../graph/format/near-name.ts";
import { knownKeys } from "../../model/schema.ts";
import { type FlowHead, handlerOf, type Step } from "../../model/step.ts";
import { builderName, wireName } from "../../model/wire-names.ts";
import { isAdapter, unknownAdapter } from "../input/check.ts";

/** The `inputAdapter` of a handler, as it was written. */
export interface Suggested {
  readonly adapter: string | InputAdapterDefinition;
  readonly [argument: string]: unknown;
}

export function isSuggested(value: unknown): value is Suggested {
  if (typeof value !== "object" || value === null || !("adapter" in value)) return false;
  const { adapter } = value;
  if (typeof adapter !== "object" || adapter === null) return typeof adapter === "string";
  return "kind" in adapter && adapter.kind === "inputAdapter";
}

/** The form that the engine reads. */
export function adapterChoice(suggested: Suggested): AdapterChoice {
  const { adapter, written } = parts(suggested);
  const args = written.flatMap(([key, value]) => (value === undefined ? [] : [[keyOf(adapter, key), value]]));
  return { adapter: nameOf(adapter), args: Object.fromEntries(args) as JsonObject };
}

/** Every problem with the input adapter that a handler suggests, as messages. */
export function suggestionProblems(handler: string, suggested: Suggested, input: unknown): string[] {
  if (input === undefined) return [formatMessage("suggestionUnread", { handler })];
  const { adapter, written } = parts(suggested);
  const schema = argsOf(adapter);
  if (schema === undefined) {
    const name = nameOf(adapter);
    return [
      withHint(formatMessage("suggestionUnknown", { handler, adapter: name }), name, Object.keys(builtInAdapters)),
    ];
  }
  const owner = `handler '${handler}'`;
  const name = `adapter '${nameOf(adapter)}'`;
  const known = knownKeys(schema)?.filter((key) => !isSource(adapter, key));
  const isKnown = ([key]: readonly [string, unknown]) => known?.includes(keyOf(adapter, key)) ?? true;
  const unknown = written
    .filter((argument) => !isKnown(argument))
    .map(([key]) =>
      key === "metaListKey"
        ? formatMessage("listKeyNotTaken", { adapter: nameOf(adapter) })
        : withHint(formatMessage("unknownArg", { owner, name, key }), key, known ?? []),
    );
  const findings = new FindingList();
  const { args } = adapterChoice({ ...Object.fromEntries(written.filter(isKnown)), adapter });
  const spell = typeof adapter === "string" ? builderName : String;
  checkArgs({ schema, args, path: [], owner, name, code: "GRAPH_ADAPTER_ARGS", sourceKeys: [], spell }, findings);
  return [...unknown, ...findings.toArray().map(({ message }) => message)];
}

/** On a node without `input`, the adapter that its handler suggests is one of the flow's, and has something to read. */
export function suggestionFindings(step: Step, head: FlowHead): string[] {
  const suggested = handlerOf(step)?.inputAdapter;
  if (suggested === undefined) return [];
  const { adapter } = suggested;
  if (!isAdapter(adapterName(adapter), head)) return [unknownAdapter(adapter, head)];
  return step.options.after.length === 0 ? [formatMessage("nothingToRead", { node: step.id, adapter })] : [];
}

type Adapter = Suggested["adapter"];

function parts({ adapter, ...written }: Suggested): {
  readonly adapter: Adapter;
  readonly written: readonly (readonly [string, unknown])[];
} {
  return { adapter, written: Object.entries(written) };
}

const nameOf = (adapter: Adapter): string => (typeof adapter === "string" ? adapter : adapter.name);

function argsOf(adapter: Adapter): $ZodType | undefined {
  if (typeof adapter !== "string") return adapter.args;
  return builtInAdapter(adapter)?.args;
}

/** Only arguments of built-in adapters have another name in the graph. */
const keyOf = (adapter: Adapter, key: string): string => (typeof adapter === "string" ? wireName(key) : key);

/** Not allowed in a suggestion, because a handler does not know the nodes of a flow. */
const isSource = (adapter: Adapter, key: string): boolean =>
  typeof adapter === "string" && ["from", "from_nodes", "where"].includes(key);
