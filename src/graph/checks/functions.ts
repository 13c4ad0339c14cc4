import { builtInFunction, builtInFunctionArgs } from "../../builtins/coordinator-functions/index.ts";
import type { FindingCode } from "../format/findings.ts";
import { withoutDefaults } from "../format/known-keys.ts";
import { cut, formatMessage } from "../format/messages.ts";
import { batchFields } from "../format/node-fields.ts";
import type { DraftNode } from "../format/shape.ts";
import { coordinatorFnType } from "../format/types.ts";
import { checkArgs } from "./args.ts";
import type { CheckContext } from "./context.ts";
import { type NamedSource, sourcesOf } from "./input.ts";

/**
 * Coordinator functions are known, have valid arguments, and are only on nodes of type `coordinator_fn`.
 *
 * @returns the sources of the built-in functions
 */
export function checkFunctions(context: CheckContext): readonly NamedSource[] {
  const builtIn = Object.entries(builtInFunctionArgs).map(([name, args]) => ({ name, args }));
  const known = new Map([...builtIn, ...(context.options.functions ?? [])].map(({ name, args }) => [name, args]));
  return context.draft.nodes.flatMap((node) => {
    const { type, fn, fn_args: args = {} } = node.facets;
    if (type !== undefined && type !== coordinatorFnType) refuseOnWorker(node, type, context);
    else if (type !== undefined) checkPlacement(node, context);
    if (fn === undefined || type !== coordinatorFnType) return [];
    const schema = known.get(fn);
    const path = node.pathOf("fn");
    if (schema === undefined) {
      const message = formatMessage("functionNotKnown", { node: node.name, fn: cut(fn) });
      const near = { word: fn, among: new Set(known.keys()) };
      context.findings.add({ code: "GRAPH_FN", path, message, near });
      return [];
    }
    if (node.unclear.has("fn_args")) return [];
    const argsPath = node.pathOf("fn_args");
    const reads = builtInFunction(fn)?.reads;
    checkArgs(
      {
        schema,
        args,
        path: argsPath,
        owner: `node '${node.name}'`,
        name: `function '${cut(fn)}'`,
        code: "GRAPH_FN_ARGS",
        sourceKeys: reads?.isList === true ? [reads.arg] : [],
      },
      context.findings,
    );
    if (reads === undefined || Array.isArray(args[reads.arg]) !== reads.isList) return [];
    return sourcesOf(args[reads.arg], { node, args: argsPath, list: reads.arg });
  });
}

function refuseOnWorker(node: DraftNode, type: string, { findings }: CheckContext): void {
  for (const key of ["fn", "fn_args"] as const) {
    if (node.facets[key] === undefined) continue;
    const message = formatMessage("functionOnWorker", { node: node.name, type, key: `io.${key}` });
    findings.add({ code: "GRAPH_FN", path: node.pathOf(key), message });
  }
}

function checkPlacement(node: DraftNode, { findings }: CheckContext): void {
  const { fn, input_inline: inline = {}, partitions = 1, batches = {} } = node.facets;
  const code: FindingCode = "GRAPH_FN";
  const values = { node: node.name };
  if (fn === undefined && !node.unclear.has("fn")) {
    findings.add({ code, path: node.pathOf("type"), message: formatMessage("functionMissing", values) });
  }
  const [firstKey] = Object.keys(inline);
  if (firstKey !== undefined) {
    const key = inline.input_adapter === undefined ? firstKey : "input_adapter";
    const path = [...node.pathOf("input_inline"), key];
    findings.add({ code, path, message: formatMessage("inputOnFunction", values) });
  }
  if (partitions > 1) {
    findings.add({ code, path: node.pathOf("partitions"), message: formatMessage("partitionedFunction", values) });
  }
  const [policy] = Object.keys(withoutDefaults(batches, batchFields));
  if (policy !== undefined) {
    const path = [...node.pathOf("batches"), policy];
    findings.add({ code, path, message: formatMessage("batchesOfFunction", { ...values, key: policy }) });
  }
}
