import { isBuiltInFunction } from "../builtins/coordinator-functions/index.ts";
import { wireType } from "../graph/data/zod-data.ts";
import { formatMessage, zodSchema } from "../graph/format/messages.ts";
import { type FlowView, isFlow } from "./model/flow-view.ts";
import {
  type ChainStep,
  type FlowHead,
  handlerOf,
  type LoadedStep,
  ownFnOf,
  type Step,
  type Subflow,
  subflowOf,
} from "./model/step.ts";
import { waitFunction } from "./node-json.ts";
import { type Args, handlerFindings, handlerSchemas } from "./rules/args/check.ts";
import { afterFindings } from "./rules/edge/check.ts";
import { argsSchemaOf, fnFindings, fnNameFindings, nodeArgFindings } from "./rules/fn/check.ts";
import { parentFindings } from "./rules/handler/check.ts";
import { idFindings } from "./rules/id/check.ts";
import { inputFindings } from "./rules/input/check.ts";
import { optionFindings } from "./rules/option/check.ts";
import { delayFindings, paramFindings } from "./rules/params/check.ts";
import { permanentOnFindings } from "./rules/retry/check.ts";
import { startFindings } from "./rules/start/check.ts";
import { nodesOfSubflow, type Owned, type Owners, useFindings } from "./rules/subflow/check.ts";
import { suggestionFindings } from "./rules/suggestion/check.ts";
import { whereFindings } from "./rules/where/check.ts";

/**
 * The rules that the compiler checks for TypeScript, in the same sentences, for JavaScript and graph JSON. What concerns the graph
 * as such (ill-typed options, cycles, limits) is left to `parseGraph`.
 */
export function checkSteps(
  start: FlowHead,
  chain: readonly ChainStep[],
): Pick<FlowView, "ids" | "outputs" | "findings"> {
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
      const added = nodesOfSubflow(step);
      for (const id of added.ids) seen.add(id);
      ids.push(...added.ids);
      for (const [id, schema] of added.outputs) outputs.set(id, schema);
      if (isFlow(step.flow)) head = withAdapters(head, step.flow.inputAdapters);
    } else {
      findings.push(...idFindings(step.id, seen), ...definitionFindings(step, owners));
      // A node from a JSON was checked when it was loaded, with its graph and its handler.
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
  // Options of the wrong type would make every later check of the step fail.
  if (shape.length > 0 || !isRunnable(step)) return shape;
  return [
    ...optionFindings(step),
    ...permanentOnFindings(step),
    ...linkFindings(step, seen, head),
    ...argumentFindings(step, head),
  ];
}

/** Handlers and functions come from `defineHandler` and `defineCoordinatorFn`, and each name refers to one of them. */
function definitionFindings(step: Step, owners: Owners): string[] {
  if (step.kind === "fn" && typeof step.fn === "string") return fnNameFindings(step.id, step.fn);
  if (step.kind !== "json" && !isRunnable(step)) {
    return [formatMessage("notADefinition", { node: step.id, maker: makers[step.kind] })];
  }
  const definition = handlerOf(step) ?? ownFnOf(step);
  if (definition === undefined) return []; // from a JSON whose code is elsewhere, or built in
  const subflow = subflowOf(handlerOf(step));
  if (subflow !== undefined) return subflowFindings(step.id, subflow, owners);
  const key = `${definition.kind} ${definition.name}`;
  const owner = owners.get(key) ?? definition;
  owners.set(key, owner);
  return owner === definition ? [] : [formatMessage("nameTaken", { node: step.id, name: definition.name })];
}

/** The name of a flow refers to one flow, and the names in it refer to the same definitions as outside. */
function subflowFindings(node: string, { name, flow }: Subflow, owners: Owners): string[] {
  const own = (key: string, definition: Owned) => {
    const owner = owners.get(key) ?? definition;
    owners.set(key, owner);
    return owner === definition;
  };
  if (!own(`flow ${name}`, flow)) return [formatMessage("flowNameTaken", { node, name })];
  return [...Object.values(flow.handlers), ...flow.coordinatorFns]
    .filter((definition) => !own(`${definition.kind} ${definition.name}`, definition))
    .map((definition) => formatMessage("nameTaken", { node, name: definition.name }));
}

const makers = { node: "defineHandler", fn: "defineCoordinatorFn" } as const;

function isRunnable(step: WrittenStep): boolean {
  if (step.kind === "node") return step.handler?.kind === "handler";
  return typeof step.fn === "string" ? isBuiltInFunction(step.fn) : step.fn?.kind === "coordinatorFn";
}

const isNames = (value: unknown): boolean => Array.isArray(value) && value.every((item) => typeof item === "string");
const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function shapeFindings(step: WrittenStep): string[] {
  const { kind, id: node, options } = step;
  const fn = kind === "fn" ? step.fn : undefined;
  const wrong = (option: string, needs: string) => [formatMessage("optionType", { node, option, needs })];
  if (!isNames(options.after)) return wrong("after", "a list of node ids");
  const { args, input, retry, onBatchFailure, tolerate, limits, where, when } = options;
  if (args !== undefined && !isRecord(args)) return wrong("args", "an object");
  if (kind === "node" && where !== undefined && !isRecord(where)) return wrong("where", "an object");
  if (when !== undefined && !isRecord(when) && !(Array.isArray(when) && when.every(isRecord)))
    return wrong("when", "an object, or a list of objects");
  const { payload } = (args ?? {}) as Args;
  if (kind === "fn" && fn === waitFunction && !isRecord(payload)) {
    // `.wait` always writes it; without it, the function was called by its name.
    if (args !== undefined && "payload" in args) return wrong("payload", zodSchema);
    return [formatMessage("fnArgsMissing", { node, fn, keys: "payload" })];
  }
  if (retry !== undefined && !isRecord(retry)) return wrong("retry", "an object");
  if (kind === "node" && !["fail", "setAside", undefined].includes(onBatchFailure)) {
    return wrong("onBatchFailure", "'fail' or 'setAside'");
  }
  if (tolerate !== undefined && !isRecord(tolerate)) return wrong("tolerate", "an object with 'batches' or 'share'");
  const isTolerant = tolerate?.batches !== undefined || (tolerate?.share ?? 1) !== 1;
  if (kind === "node" && isTolerant && onBatchFailure !== "setAside")
    return wrong("onBatchFailure", "'setAside' if 'tolerate' is set");
  if (limits !== undefined && !isRecord(limits)) return wrong("limits", "an object");
  const { key, burst, perSec, maxRunning } = limits ?? {};
  if (burst !== undefined && perSec === undefined) return [formatMessage("burstOfNothing", { node })];
  if (key !== undefined && (perSec ?? maxRunning) === undefined) return [formatMessage("keyOfNothing", { node })];
  if (input === undefined) return [];
  if (!isRecord(input) || typeof input.adapter !== "string") return wrong("input", "an object with an 'adapter'");
  const { from } = input;
  const isAliases = isRecord(from) && Object.values(from).every((source) => typeof source === "string");
  if (from !== undefined && !isNames(from) && !isAliases) return wrong("input.from", "a list of node ids");
  return [];
}

function linkFindings(step: WrittenStep, seen: ReadonlySet<string>, head: FlowHead): string[] {
  const { id: node, options } = step;
  const { after, input } = options;
  return [
    ...afterFindings(step, seen),
    ...(step.kind === "fn" ? nodeArgFindings(step, seen) : []),
    ...startFindings(step),
    ...delayFindings(step, head),
    ...(step.kind === "node" ? [...parentFindings(step.handler, { node, after }), ...whereFindings(step, head)] : []),
    ...(input === undefined ? suggestionFindings(step, head) : inputFindings(step, input, { seen, head })),
  ];
}

/** A step's arguments, and the parameters among them, match what its handler or function accepts. */
function argumentFindings(step: WrittenStep, head: FlowHead): string[] {
  const args = (step.options.args ?? {}) as Args;
  const [own, schemas] =
    step.kind === "node"
      ? [handlerFindings(step, args), handlerSchemas(step)]
      : [fnFindings(step, args), [argsSchemaOf(step.fn)]];
  return [...own, ...paramFindings(args, schemas.map(wireType), head)];
}
