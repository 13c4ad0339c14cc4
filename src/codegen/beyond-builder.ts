import { builtInFunction, isBuiltInFunction } from "../builtins/coordinator-functions/index.ts";
import { signalSchema } from "../builtins/coordinator-functions/wait-signal.ts";
import { builtInAdapter } from "../builtins/input-adapters/index.ts";
import { isCoreReasonCode, type Json, type JsonObject } from "../errors/index.ts";
import { setFields } from "../graph/format/known-keys.ts";
import { limitFields } from "../graph/format/node-fields.ts";
import { refsIn } from "../graph/format/params.ts";
import { isObject } from "../graph/format/plain-data.ts";
import { flowType, type GraphNode } from "../graph/index.ts";
import { argsOf, inputOf, isCommonAdapterArg, isWorker, type SourceGraph } from "./source-graph.ts";
import { isExact, zodSource } from "./zod-source.ts";

/**
 * Why the builder cannot express a node; `undefined` if it can. The text goes into a comment, so it names only nodes,
 * whose ids cannot end one.
 */
export function beyondBuilder(node: GraphNode, source: SourceGraph): string | undefined {
  return fieldsOf(node) ?? (isWorker(node) ? readingOf(node, source) : functionOf(node)) ?? paramsOf(node, source);
}

function fieldsOf(node: GraphNode): string | undefined {
  const refused = isWorker(node) ? undefined : setFields(node).find(({ field }) => field.handlersOnly);
  if (refused !== undefined) return `it is a function with ${refused.key}`;
  const isUnknown = Object.keys(node.limits ?? {}).some((limit) => !Object.hasOwn(limitFields, limit));
  if (isUnknown) return `it has limits other than ${Object.keys(limitFields).join(", ")}`;
  const { key } = node.limits ?? {};
  return key === undefined || isObject(key) ? undefined : "the key of its limits is not a parameter";
}

const ownWords: ReadonlySet<string> = new Set(["adapter", "from", "from_nodes", "metaListKey"]);

function readingOf(node: GraphNode, { byId, adapters, flows }: SourceGraph): string | undefined {
  const { flow = "" } = node.io ?? {};
  if (node.type === flowType && flows.get(flow)?.graph.name !== flow) return "its flow has another name in its graph";
  const input = inputOf(node);
  const sources = input?.sources ?? node.depends_on;
  const outside = sources.find((id) => !node.depends_on.includes(id));
  if (outside !== undefined) return `it reads from '${outside}', which it does not depend on`;
  if (input?.aliases !== undefined && builtInAdapter(input.adapter)?.readsOutcomes) {
    return "it reads outcomes under other names than those of its parents";
  }
  const isOwn = input !== undefined && adapters.includes(input.adapter);
  const isReserved = (key: string) => ownWords.has(key) || isCommonAdapterArg(key);
  if (isOwn && (input.where !== undefined || Object.keys(input.args).some(isReserved))) {
    return "its adapter has arguments that the builder reserves";
  }
  if (input?.where !== undefined && !isObject(input.where)) return "its where is not an object";
  if (input?.listKey === undefined) return undefined;
  const builtIn = sources.find((id) => isBuiltInFunction(byId.get(id)?.io?.fn ?? ""));
  return builtIn === undefined ? undefined : `the lists in the output of the function '${builtIn}' have no type`;
}

function functionOf(node: GraphNode): string | undefined {
  const { fn = "", fn_args: args = {} } = node.io ?? {};
  const builtIn = builtInFunction(fn);
  if (builtIn === undefined) return undefined;
  const external = node.retry_policy?.permanent_on?.some((code) => !isCoreReasonCode(code));
  if (external) return "permanent_on has a reason code that its built-in function does not have";
  if (builtIn.awaitsSignal) return waitOf(node, args);
  const { takesAny, open, reads, ownId } = builtIn;
  if (takesAny) return undefined;
  const isTooDeep = [...refsIn(args, [])].some(
    ({ path }) => path[0] !== open?.arg || (path.length === 1 && open?.whole !== true),
  );
  if (isTooDeep) return "a parameter replaces an argument of its function that must be a literal";
  const read = [args[reads?.arg ?? ""]].flat().filter((id) => typeof id === "string");
  const outside = read.find((id) => !node.depends_on.includes(id));
  if (outside !== undefined) return `its function reads from '${outside}', which it does not depend on`;
  const holder = args[ownId?.arg ?? ""];
  const target = isObject(holder) ? holder[ownId?.key ?? ""] : undefined;
  return typeof target === "string" && target !== node.node_id
    ? "its function stores under the id of another node"
    : undefined;
}

const waitFields: ReadonlySet<string> = new Set([
  ...["node_id", "type", "depends_on", "when", "optional", "timeout_sec", "io", "fn", "fn_args"],
]);

function waitOf(node: GraphNode, args: JsonObject): string | undefined {
  const other = setFields(node).find(({ key }) => !waitFields.has(key));
  if (other !== undefined) return `it waits for a signal with ${other.key}`;
  if ([...refsIn(args, [])].length > 0) return "a parameter replaces a part of what it waits for";
  const schema = signalSchema(args);
  return isExact(zodSource(schema), schema) ? undefined : "zod cannot reproduce its payload exactly";
}

function paramsOf(node: GraphNode, { graph }: SourceGraph): string | undefined {
  const delay = typeof node.delay_sec === "object" ? node.delay_sec : {};
  const refs = [argsOf(node), node.io?.fn_args ?? {}, delay, node.limits ?? {}].flatMap((args) => [
    ...refsIn(args, []),
  ]);
  const unknown = refs.find(({ name = [] }) => name.length !== 1 || !hasProperty(graph.params_schema, name[0] ?? ""));
  return unknown === undefined ? undefined : "it uses a parameter that params_schema does not declare";
}

function hasProperty(schema: JsonObject | undefined, key: string): boolean {
  const properties: Json | undefined = schema?.properties;
  return isObject(properties) && Object.hasOwn(properties, key);
}
