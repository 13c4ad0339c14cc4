import { builtInFunctions, isBuiltInFunction } from "../builtins/coordinator-functions/index.ts";
import { builtInAdapter } from "../builtins/input-adapters/index.ts";
import { coreReasonCodes } from "../errors/index.ts";
import { say } from "../graph/format/messages.ts";
import { namePattern } from "../graph/format/names.ts";
import { withHint } from "../graph/format/near-name.ts";
import { adapterName, builtInAdapters, isBuiltInAdapter } from "../graph/index.ts";
import { type FlowPart, isFlow } from "./model/flow-part.ts";
import {
  type ChainStep,
  type FlowHead,
  fnName,
  handlerOf,
  type InputOptions,
  type LoadedStep,
  ownFnOf,
  type Step,
} from "./model/step.ts";
import { argumentFindings } from "./rules/args/check.ts";
import { nodeArgFindings } from "./rules/fn/check.ts";
import { nodesOfPart, type Owners, useFindings } from "./rules/subflow/check.ts";

/**
 * The rules that the compiler checks for TypeScript, in the same sentences, for everybody else. What concerns the graph
 * as such (ill-typed options, cycles, limits) is left to `parseGraph`.
 */
export function checkSteps(
  start: FlowHead,
  chain: readonly ChainStep[],
): Pick<FlowPart, "ids" | "outputs" | "findings"> {
  const findings: string[] = [];
  const ids: string[] = [];
  const inputs = start.inputs ?? {};
  const seen = new Set(Object.keys(inputs));
  const outputs = new Map(Object.entries(inputs));
  const owners: Owners = new Map();
  let head = start;
  for (const step of chain) {
    if (step.kind === "use") {
      findings.push(...useFindings(step, { head, seen, owners, outputs }));
      const added = nodesOfPart(step);
      for (const id of added.ids) seen.add(id);
      ids.push(...added.ids);
      for (const [id, schema] of added.outputs) outputs.set(id, schema);
      if (isFlow(step.flow)) head = withAdapters(head, step.flow.inputAdapters);
    } else {
      findings.push(...idFindings(step, seen), ...definitionFindings(step, owners));
      // A node that came as JSON was checked as such, with its graph and its handler.
      if (step.kind !== "json") findings.push(...writtenFindings(step, seen, head));
      seen.add(step.id);
      ids.push(step.id);
      const output = (handlerOf(step) ?? ownFnOf(step))?.output;
      if (output !== undefined) outputs.set(step.id, output);
    }
  }
  return { ids, outputs, findings };
}

const withAdapters = (head: FlowHead, added: FlowHead["inputAdapters"]): FlowHead =>
  added.length === 0 ? head : { ...head, inputAdapters: [...new Set([...head.inputAdapters, ...added])] };

type WrittenStep = Exclude<Step, LoadedStep>;

function writtenFindings(step: WrittenStep, seen: ReadonlySet<string>, head: FlowHead): string[] {
  const shape = shapeFindings(step);
  // Options that can't be read as what they are would make every later check of the step fail on them.
  if (shape.length > 0 || !isRunnable(step)) return shape;
  return [...optionFindings(step), ...linkFindings(step, seen, head), ...argumentFindings(step, head)];
}

function idFindings({ id }: Step, seen: ReadonlySet<string>): string[] {
  if (typeof id !== "string" || !namePattern.test(id)) return [say("idForm", { id: String(id) })];
  return seen.has(id) ? [say("duplicateNode", { id })] : [];
}

/** Handlers and functions are what `defineHandler` and `defineCoordinatorFn` made, and their names mean one of them. */
function definitionFindings(step: Step, owners: Owners): string[] {
  if (step.kind === "fn" && typeof step.fn === "string") return builtInFindings(step.id, step.fn);
  if (step.kind !== "json" && !isRunnable(step)) {
    return [say("notADefinition", { node: step.id, maker: makers[step.kind] })];
  }
  const definition = handlerOf(step) ?? ownFnOf(step);
  if (definition === undefined) return []; // JSON whose code is elsewhere, or built in
  const key = `${definition.kind} ${definition.name}`;
  const owner = owners.get(key) ?? definition;
  owners.set(key, owner);
  return owner === definition ? [] : [say("nameTaken", { node: step.id, name: definition.name })];
}

const makers = { node: "defineHandler", fn: "defineCoordinatorFn" } as const;

function isRunnable(step: WrittenStep): boolean {
  if (step.kind === "node") return step.handler?.kind === "handler";
  return typeof step.fn === "string" ? isBuiltInFunction(step.fn) : step.fn?.kind === "coordinatorFn";
}

function builtInFindings(node: string, fn: string): string[] {
  if (isBuiltInFunction(fn)) return [];
  return [withHint(say("unknownFunction", { node, fn }), fn, Object.keys(builtInFunctions))];
}

const isNames = (value: unknown): boolean => Array.isArray(value) && value.every((item) => typeof item === "string");
const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function shapeFindings({ id: node, options }: Step): string[] {
  const wrong = (option: string, needs: string) => [say("optionType", { node, option, needs })];
  if (!isNames(options.after)) return wrong("after", "a list of node ids");
  const { args, input, retry, limits } = options;
  if (args !== undefined && !isRecord(args)) return wrong("args", "an object");
  if (retry !== undefined && !isRecord(retry)) return wrong("retry", "an object");
  if (limits !== undefined && !isRecord(limits)) return wrong("limits", "an object");
  if (input === undefined) return [];
  if (!isRecord(input) || typeof input.adapter !== "string") return wrong("input", "an object with an 'adapter'");
  const { from } = input;
  const isAliases = isRecord(from) && Object.values(from).every((source) => typeof source === "string");
  if (from !== undefined && !isNames(from) && !isAliases) return wrong("input.from", "a list of node ids");
  return [];
}

const optionNames = {
  node: [
    "after",
    "fanIn",
    "startWhen",
    "input",
    "args",
    "retry",
    "timeoutSec",
    "partitions",
    "maxPendingBatches",
    "limits",
  ],
  fn: ["after", "fanIn", "startWhen", "args", "retry", "timeoutSec"],
} as const;

function optionFindings(step: WrittenStep): string[] {
  const known: readonly string[] = optionNames[step.kind];
  const unknown = Object.keys(step.options)
    .filter((option) => !known.includes(option))
    .map((option) => withHint(say("unknownOption", { node: step.id, option }), option, known));
  return [...unknown, ...codeFindings(step)];
}

function codeFindings(step: WrittenStep): string[] {
  const { id: node, options } = step;
  const codes = options.retry?.permanentOn;
  if (!Array.isArray(codes)) return [];
  const own = (step.kind === "node" ? step.handler : ownFnOf(step))?.errors ?? [];
  const known = [...own, ...coreReasonCodes];
  const words = (code: string) =>
    step.kind === "node"
      ? say("permanentOnUnknown", { node, code, handler: step.handler.name })
      : say("fnPermanentOnUnknown", { node, code, fn: fnName(step.fn) });
  return codes
    .filter((code) => typeof code === "string" && !known.includes(code))
    .map((code) => withHint(words(code), code, known));
}

function linkFindings(step: WrittenStep, seen: ReadonlySet<string>, head: FlowHead): string[] {
  const { id: node, options } = step;
  const { after, startWhen, fanIn = "all" } = options;
  const messages = after
    .filter((id) => !seen.has(id))
    .map((id) => withHint(say("unknownDependency", { node, id }), id, seen));
  if (step.kind === "fn") messages.push(...nodeArgFindings(step, seen));
  if (after.length === 0) {
    if (startWhen === "first_batch") messages.push(say("rootFirstBatch", { node }));
    if (fanIn !== "all") messages.push(say("rootFanIn", { node, fanIn }));
    if (options.input !== undefined) messages.push(say("rootInput", { node }));
    else messages.push(...suggestionFindings(step, head));
    return messages;
  }
  const count = /^count:(\d+)$/.exec(fanIn)?.[1];
  if (count !== undefined && (Number(count) < 1 || Number(count) > after.length)) {
    messages.push(say("fanInTooMany", { node, parents: after.length, fanIn }));
  }
  if (step.kind === "node" && step.handler.input === undefined) {
    messages.push(say("sourceWithUpstream", { node, handler: step.handler.name, parent: after.join(", ") }));
  }
  if (options.input !== undefined) messages.push(...inputFindings(step, options.input, { seen, head }));
  else messages.push(...suggestionFindings(step, head));
  return messages;
}

/** Where a node names no adapter, the one that its handler suggests is the flow's, and has something to read. */
function suggestionFindings(step: WrittenStep, head: FlowHead): string[] {
  const suggested = handlerOf(step)?.inputAdapter;
  if (suggested === undefined) return [];
  const { adapter } = suggested;
  if (!isAdapter(adapterName(adapter), head)) return [unknownAdapter(adapter, head)];
  return step.options.after.length === 0 ? [say("nothingToRead", { node: step.id, adapter })] : [];
}

const ownAdapters = ({ inputAdapters }: FlowHead) => inputAdapters.map(({ name }) => name);
const isAdapter = (name: string, head: FlowHead) => isBuiltInAdapter(name) || ownAdapters(head).includes(name);
const unknownAdapter = (adapter: string, head: FlowHead) =>
  withHint(say("unknownAdapter", { adapter }), adapter, [...Object.keys(builtInAdapters), ...ownAdapters(head)]);

function inputFindings(
  { id: node, options: { after } }: Step,
  input: InputOptions,
  { seen, head }: { readonly seen: ReadonlySet<string>; readonly head: FlowHead },
): string[] {
  const { adapter, from = [] } = input;
  if (!isAdapter(adapter, head)) return [unknownAdapter(adapter, head)];
  const messages = Object.values(from)
    .filter((id) => !after.includes(id))
    .map((id) => say(seen.has(id) ? "fromOutsideAfter" : "unknownSource", { node, id }));
  if (!Array.isArray(from) && !builtInAdapter(adapter)?.takesAliases)
    messages.push(say("aliasesOnlyGather", { adapter }));
  if (input.metaListKey !== undefined && !builtInAdapter(adapter)?.takesListKey) {
    messages.push(say("listKeyNotTaken", { adapter }));
  }
  return messages;
}
