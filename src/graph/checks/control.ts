import { safeParse } from "zod/v4/core";
import { builtInFunction, outputAsWritten } from "../../builtins/coordinator-functions/index.ts";
import { signalSchema } from "../../builtins/coordinator-functions/wait-signal.ts";
import { adapterName, builtInAdapter } from "../../builtins/input-adapters/index.ts";
import { unfailedStatuses } from "../../builtins/input-adapters/outcomes.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import { anyData, type DataType, type Field, objectOf } from "../data/data-type.ts";
import { type KnownData, knownData } from "../data/graph-data.ts";
import { narrow, patternMistakes } from "../data/narrow.ts";
import { readSchema } from "../data/read-schema.ts";
import { defaultGraphLimits } from "../format/limits.ts";
import { cut, formatMessage, shown } from "../format/messages.ts";
import type { Condition } from "../format/node-fields.ts";
import { refsIn } from "../format/params.ts";
import { paramsValidator } from "../format/params-validator.ts";
import { patternFaults } from "../format/pattern.ts";
import { isObject } from "../format/plain-data.ts";
import { type Path, valueAt } from "../format/pointer.ts";
import type { DraftNode } from "../format/shape.ts";
import { coordinatorFnType } from "../format/types.ts";
import { dotted, expectation } from "../format/zod-issues.ts";
import { schemaFaults } from "./args.ts";
import type { CheckContext } from "./context.ts";
import type { Links } from "./structure.ts";

/** Conditions, handlers of outcomes, and waits. */
export function checkControl(context: CheckContext, links: Links): void {
  const { draft, options } = context;
  const data = knownData(
    { ...options, outputAsWritten, schemas: draft.schemas },
    (nodeId) => draft.byName.get(nodeId)?.facets,
  );
  for (const node of draft.nodes) {
    checkWhen(node, { context, links, data });
    checkEnded(node, { context, links });
    if (builtInFunction(node.facets.fn ?? "")?.awaitsSignal) checkWait(node, context);
  }
}

interface Around {
  readonly context: CheckContext;
  readonly links: Links;
}

/** A condition names existing parents and parameters, and values that they may have. */
function checkWhen(node: DraftNode, { context, links, data }: Around & { readonly data: KnownData }): void {
  const { when, start_when: startWhen } = node.facets;
  if (when === undefined || links.incomplete.has(node.index)) return;
  const { draft, findings } = context;
  const parents = [...new Set(links.declared[node.index]?.names)];
  // Each partition has its own result, and a pattern does not match a list.
  const resultOf = (id: string) => ((draft.byName.get(id)?.facets.partitions ?? 1) > 1 ? "none" : data.resultOf(id));
  const facts = factsOf({ parents, resultOf, params: draft.paramsSchema });
  const code = "GRAPH_WHEN";
  for (const { condition, at } of conditionsOf(when)) {
    const path: Path = [...node.pathOf("when"), ...at];
    const isEmpty = Object.keys(condition).length === 0;
    const faults = isEmpty ? [{ path: [], expected: "must not be empty" }] : [...patternFaults(condition)];
    for (const { path: inside, expected } of faults) {
      const values = { where: `node '${node.name}'`, key: `${dotted(["when", ...at, ...inside])} `, expected };
      const message = formatMessage("illShaped", { ...values, actual: shown(valueAt(condition, inside)) });
      findings.add({ code, path: [...path, ...inside], message });
    }
    if (faults.length > 0) continue;
    const early =
      startWhen === "first_batch" ? (["results", "status"] as const).find((key) => condition[key]) : undefined;
    if (early !== undefined) {
      findings.add({
        code,
        path: [...path, early],
        message: formatMessage("whenEarly", { node: node.name, key: early }),
      });
      continue;
    }
    const mistakes = patternMistakes(facts, condition, { text: `node '${node.name}': when`, path });
    for (const mistake of mistakes) findings.add({ code, ...mistake });
    if (mistakes.length > 0 || narrow(facts, condition) !== undefined) continue;
    findings.add({ code, path, message: formatMessage("whenNever", { node: node.name }) });
  }
}

function conditionsOf(when: Condition | readonly Condition[]): readonly { condition: Condition; at: Path }[] {
  if (!Array.isArray(when)) return [{ condition: when as Condition, at: [] }];
  return when.map((condition: Condition, index) => ({ condition, at: [index] }));
}

/** The type of the facts that are known when a node is dispatched. */
function factsOf(of: {
  readonly parents: readonly string[];
  readonly resultOf: KnownData["resultOf"];
  readonly params: JsonObject | undefined;
}): DataType {
  const { parents, resultOf, params } = of;
  const field = (type: DataType, optional = false): Field => ({ type: () => type, optional });
  const status: DataType = { kind: "values", values: [...unfailedStatuses, "failed"] };
  // A parent that has not finished has no result.
  const results = parents.flatMap((id): [string, Field][] => {
    const result = resultOf(id) ?? anyData;
    return result === "none" ? [] : [[id, field(result, true)]];
  });
  return objectOf([
    ["params", field(params === undefined ? anyData : readSchema(params))],
    ["status", field(objectOf(parents.map((id) => [id, field(status)])))],
    ["results", field(objectOf(results))],
  ]);
}

/** A node that starts when its parents have ended reads their outcomes, and vice versa. */
function checkEnded(node: DraftNode, { context: { findings }, links }: Around): void {
  const { type, start_when: startWhen, input_inline: inline } = node.facets;
  const { input_adapter: adapter = "", input_args: args } = inline ?? {};
  const readsOutcomes = builtInAdapter(adapterName(adapter))?.readsOutcomes === true;
  const isEnded = startWhen === "ended";
  const named = links.declared[node.index];
  const isRoot = named?.names.length === 0 && !links.incomplete.has(node.index);
  if (isEnded !== readsOutcomes && !isRoot && !node.unclear.has("start_when") && !node.unclear.has("input_inline")) {
    const path = isEnded ? node.pathOf("start_when") : [...node.pathOf("input_inline"), "input_adapter"];
    const key = !isEnded ? "outcomesNotEnded" : type === coordinatorFnType ? "endedFunction" : "endedNotOutcomes";
    findings.add({ code: "GRAPH_START_WHEN", path, message: formatMessage(key, { node: node.name }) });
  }
  if (!readsOutcomes || named === undefined) return;
  const key = isObject(args?.from) ? "from" : "from_nodes";
  for (const [at, id] of Object.entries(args?.[key] ?? {})) {
    if (typeof id !== "string" || named.names.includes(id) || links.incomplete.has(node.index)) continue;
    const path = [...node.pathOf("input_inline"), "input_args", key, at];
    findings.add({
      code: "GRAPH_FROM_NODES",
      path,
      message: formatMessage("outcomeNotParent", { node: node.name, id: cut(id) }),
    });
  }
}

/** A fallback value of a wait matches the schema of signals, and requires a timeout. */
function checkWait(node: DraftNode, { options, findings }: CheckContext): void {
  const { fn_args: args = {}, start_when: startWhen, delay_sec: delay = 0, timeout_sec: timeoutSec } = node.facets;
  const { payload, on_timeout: onTimeout } = args;
  const code = "GRAPH_FN_ARGS";
  const path = node.pathOf("fn_args");
  if (startWhen === "first_batch") {
    const message = formatMessage("waitStreams", { node: node.name });
    findings.add({ code: "GRAPH_START_WHEN", path: node.pathOf("start_when"), message });
  }
  if (delay !== 0) {
    const message = formatMessage("waitDelayed", { node: node.name });
    findings.add({ code: "GRAPH_SHAPE", path: node.pathOf("delay_sec"), message });
  }
  if (node.unclear.has("fn_args") || (payload !== undefined && !isObject(payload))) return;
  const refs = [...refsIn(payload, [...path, "payload"])];
  for (const ref of refs) {
    findings.add({
      code: "GRAPH_PARAM_REF",
      path: ref.path,
      message: formatMessage("payloadRef", { node: node.name }),
    });
  }
  if (refs.length > 0) return;
  const schema = signalSchema(args);
  const faults = [...schemaFaults(schema, { ...defaultGraphLimits, ...options.limits })];
  for (const fault of faults) findings.add({ ...fault, path: [...path, "payload", ...fault.path] });
  if (onTimeout === undefined) return;
  if (timeoutSec === undefined && !node.unclear.has("timeout_sec")) {
    const message = formatMessage("waitWithoutTimeout", { node: node.name });
    findings.add({ code, path: [...path, "on_timeout"], message });
  }
  if (faults.length > 0 || [...refsIn(onTimeout, [])].length > 0) return;
  const why = payloadFault(schema, onTimeout);
  if (why === undefined) return;
  findings.add({
    code,
    path: [...path, "on_timeout"],
    message: formatMessage("waitOnTimeout", { node: node.name, why }),
  });
}

/** Why a value does not match the schema; `undefined` if it does, or if zod does not support the schema. */
function payloadFault(schema: JsonObject, value: Json): string | undefined {
  try {
    const [issue] = safeParse(paramsValidator(schema), value).error?.issues ?? [];
    if (issue === undefined) return undefined;
    return `${dotted(issue.path as Path)} ${expectation(issue)}`.trimStart();
  } catch {
    return undefined;
  }
}
