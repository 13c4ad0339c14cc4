import type { JsonObject } from "../../errors/index.ts";
import type { Finding } from "../format/findings.ts";
import { cut, formatMessage } from "../format/messages.ts";
import { hasParam, paramNames } from "../format/params-schema.ts";
import { isObject } from "../format/plain-data.ts";
import { pathOfPointer } from "../format/pointer.ts";
import type { DraftNode } from "../format/shape.ts";
import { flowType } from "../format/types.ts";
import type { CheckContext } from "./context.ts";
import type { Links } from "./structure.ts";

/** The maximum nesting of flows that run flows. */
export const maxFlowDepth = 8;

/**
 * Nodes of type `flow` name a flow of the graph's `flows`, and pass only parameters that it has. The flows are valid
 * graphs.
 */
export function checkFlows(
  context: CheckContext,
  links: Links,
  findingsOf: (flow: JsonObject) => readonly Finding[],
): void {
  const { draft, findings } = context;
  for (const node of draft.nodes) {
    const { type, flow } = node.facets;
    if (type === flowType) checkFlowNode(node, context, links);
    else if (flow !== undefined && type !== undefined) {
      const message = formatMessage("flowOnOther", { node: node.name, type });
      findings.add({ code: "GRAPH_FLOW", path: node.pathOf("flow"), message });
    }
  }
  for (const [name, flow] of Object.entries(draft.flows ?? {})) {
    if (!isObject(flow)) continue; // reported by the check of the shape
    for (const { code, path, message, hint } of findingsOf(flow)) {
      const near = hint === undefined ? {} : { near: { word: hint, among: new Set([hint]) } };
      const at = ["flows", name, ...pathOfPointer(path)];
      findings.add({
        code,
        path: at,
        message: formatMessage("flowFinding", { flow: cut(name), finding: message }),
        ...near,
      });
    }
  }
}

function checkFlowNode(node: DraftNode, context: CheckContext, links: Links): void {
  const { draft, findings } = context;
  const { flow, item, partitions = 1 } = node.facets;
  const code = "GRAPH_FLOW";
  const values = { node: node.name };
  for (const key of ["flow", "item"] as const) {
    if (node.facets[key] !== undefined || node.unclear.has(key)) continue;
    findings.add({ code, path: node.pathOf("type"), message: formatMessage("flowKeyMissing", { ...values, key }) });
  }
  if (partitions > 1) {
    findings.add({ code, path: node.pathOf("partitions"), message: formatMessage("partitionedFlow", values) });
  }
  const isRoot = links.declared[node.index]?.names.length === 0 && !links.incomplete.has(node.index);
  if (isRoot) findings.add({ code, path: node.pathOf("type"), message: formatMessage("flowIsRoot", values) });
  if (flow === undefined) return;
  const found = Object.hasOwn(draft.flows ?? {}, flow) ? draft.flows?.[flow] : undefined;
  if (found === undefined) {
    const near = { word: flow, among: new Set(Object.keys(draft.flows ?? {})) };
    const message = formatMessage("flowNotKnown", { ...values, flow: cut(flow) });
    findings.add({ code, path: node.pathOf("flow"), message, near });
  } else if (item !== undefined && isObject(found))
    checkParams(node, { flow, item, schema: found.params_schema }, context);
}

/** A flow without `params_schema` takes any parameters. */
function checkParams(
  node: DraftNode,
  { flow, item, schema }: { readonly flow: string; readonly item: string; readonly schema: unknown },
  { findings }: CheckContext,
): void {
  if (!isObject(schema)) return;
  const code = "GRAPH_FLOW";
  const known = paramNames(schema);
  const list = [...known].join(", ") || "none";
  if (!hasParam(schema, [item])) {
    const message = formatMessage("flowItem", { flow: cut(flow), item: cut(item), list });
    findings.add({ code, path: node.pathOf("item"), message, near: { word: item, among: known } });
    return;
  }
  if (node.unclear.has("input_inline")) return;
  const { input_adapter: _, input_args: __, ...args } = node.facets.input_inline ?? {};
  const values = { node: node.name, flow: cut(flow) };
  for (const key of Object.keys(args)) {
    const path = [...node.pathOf("input_inline"), key];
    if (key === item)
      findings.add({ code, path, message: formatMessage("flowItemGiven", { ...values, key: cut(key) }) });
    else if (!hasParam(schema, [key])) {
      const message = formatMessage("flowParamUnknown", { ...values, key: cut(key), list });
      findings.add({ code, path, message, near: { word: key, among: known } });
    }
  }
  const required = Array.isArray(schema.required) ? schema.required.filter((key) => typeof key === "string") : [];
  const missing = required.filter((key) => key !== item && args[key] === undefined);
  if (missing.length === 0) return;
  const message = formatMessage("flowParamsMissing", { ...values, keys: cut(missing.join(", ")) });
  findings.add({ code, path: node.pathOf("flow"), message });
}
