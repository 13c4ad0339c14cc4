import { safeParse } from "zod/v4/core";
import type { HandlerDefinition, InputAdapterDefinition } from "../../../definitions/index.ts";
import type { Json, JsonObject } from "../../../errors/index.ts";
import { splitArgs } from "../../../graph/format/adapter-args.ts";
import { deepFreeze } from "../../../graph/format/plain-data.ts";
import { adapterName, builtInAdapters, commonAdapterArgs, isBuiltInAdapter } from "../../../graph/index.ts";
import { describeIssues } from "../../codec/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import { firstNotUpstream, type NodePlan, type Plan, type Routing } from "../../plan/index.ts";
import type { GatherSource } from "./gather-input.ts";

/** Where the batches of an attempt come from. */
export type InputPlan =
  /** The handler's `iterBatches`. */
  | { readonly kind: "source" }
  /** A root without `iterBatches`: its arguments are the one batch. */
  | { readonly kind: "single" }
  | ({ readonly kind: "stream"; readonly adapter: StreamAdapter; readonly fromNodes: readonly string[] } & Polling)
  | ({ readonly kind: "gather"; readonly sources: readonly GatherSource[] } & Polling);

export interface Polling {
  readonly pollMs: number | undefined;
  readonly pollMaxMs: number | undefined;
}

/**
 * The orchestrator-first contract: the graph's adapter is used whenever it names one; else the handler's suggestion,
 * else its `iterBatches`, else every artifact of every parent. Decided before any handler code runs.
 *
 * @throws AttemptProblem `bad_input_adapter` or `bad_input_args`, both permanent
 */
export function routeInput(options: {
  readonly node: NodePlan;
  readonly plan: Plan;
  readonly handler: HandlerDefinition;
  readonly customAdapters: ReadonlyMap<string, InputAdapterDefinition>;
}): InputPlan {
  const { node, handler } = options;
  const routing: Routing | undefined = node.routing ?? handler.inputAdapter;
  if (routing !== undefined) return adapterInput({ ...options, routing });
  if (handler.iterBatches !== undefined) return { kind: "source" };
  if (node.dependsOn.length === 0) return { kind: "single" };
  return { kind: "stream", adapter: pull, fromNodes: node.dependsOn, pollMs: undefined, pollMaxMs: undefined };
}

function adapterInput(options: {
  readonly node: NodePlan;
  readonly plan: Plan;
  readonly routing: Routing;
  readonly customAdapters: ReadonlyMap<string, InputAdapterDefinition>;
}): InputPlan {
  const { node, plan, routing } = options;
  const name = adapterName(routing.adapter);
  const custom = options.customAdapters.get(name);
  if (custom === undefined && !isBuiltInAdapter(name)) {
    throw new AttemptError("bad_input_adapter", `'${name}' is not an input adapter of this worker`);
  }
  const written = fromNodeWrittenOut(routing.args);
  if (custom !== undefined) {
    const { common, own } = splitArgs(written);
    const args = check(name, commonAdapterArgs, common);
    return streamInput({ node, plan, args, adapter: customAdapter(custom, check(name, custom.args, own)) });
  }
  if (name === "pull.gather") {
    const args = check(name, builtInAdapters[name].args, written);
    const sources =
      args.from === undefined
        ? (args.from_nodes ?? node.dependsOn).map((nodeId) => ({ alias: nodeId, nodeId }))
        : Object.entries(args.from).map(([alias, nodeId]) => ({ alias, nodeId }));
    checkSources(
      node,
      plan,
      sources.map((source) => source.nodeId),
    );
    return { kind: "gather", sources, ...pollingOf(args) };
  }
  if (name === "pull.from_artifacts.rechunk:size") {
    const args = check(name, builtInAdapters[name].args, written);
    return streamInput({ node, plan, args, adapter: rechunk(args) });
  }
  const args = check(name, builtInAdapters["pull.from_artifacts"].args, written);
  return streamInput({ node, plan, args, adapter: pull });
}

type CommonArgs = (typeof commonAdapterArgs)["_zod"]["output"];

function streamInput(options: {
  readonly node: NodePlan;
  readonly plan: Plan;
  readonly args: CommonArgs;
  readonly adapter: StreamAdapter;
}): InputPlan {
  const { node, plan, args, adapter } = options;
  const fromNodes = args.from_nodes ?? node.dependsOn;
  checkSources(node, plan, fromNodes);
  return { kind: "stream", adapter, fromNodes, ...pollingOf(args) };
}

const pollingOf = (args: CommonArgs): Polling => ({ pollMs: args.poll_ms, pollMaxMs: args.backoff_max_ms });

/** A handler's suggestion may use the short form; graphs were normalised when their task was created. */
function fromNodeWrittenOut(args: JsonObject): JsonObject {
  if (args.from_node === undefined || args.from_nodes !== undefined) return args;
  const { from_node, ...rest } = args;
  return { ...rest, from_nodes: [from_node] };
}

function check<TSchema extends Parameters<typeof safeParse>[0]>(
  adapter: string,
  schema: TSchema,
  args: JsonObject,
): TSchema["_zod"]["output"] {
  const parsed = safeParse(schema, args);
  if (parsed.success) return parsed.data;
  throw new AttemptError("bad_input_args", `arguments of '${adapter}': ${describeIssues(parsed.error)}`);
}

function checkSources(node: NodePlan, plan: Plan, nodeIds: readonly string[]): void {
  const unknown = nodeIds.find((nodeId) => !plan.byId.has(nodeId));
  if (unknown !== undefined) {
    throw new AttemptError("bad_input_args", `it reads from '${unknown}', which is not a node of this graph`);
  }
  const elsewhere = firstNotUpstream(plan, node, nodeIds);
  if (elsewhere !== undefined) {
    throw new AttemptError("bad_input_args", `it reads from '${elsewhere}', which is not upstream of it`);
  }
  if (nodeIds.length === 0) {
    throw new AttemptError("bad_input_args", "it has an input adapter but nothing to read from");
  }
}

/** How an adapter cuts one upstream artifact into payloads. */
export type Expand = (meta: Json, nodeId: string) => readonly unknown[];

/** What a stream adapter does with artifacts. */
export interface StreamAdapter {
  /** `true`: one artifact is one batch, so a batch needs no chunk index in its name. */
  readonly whole: boolean;
  readonly expand: Expand;
}

export const pull: StreamAdapter = { whole: true, expand: (meta) => [meta] };

/**
 * Deterministic rechunking: `meta[meta_list_key]` cut to `size` when the key is given and the value is a list, else the
 * meta as the only item. Never across artifacts, no guessing of keys. An empty list makes no batch.
 */
export function rechunk(args: { readonly size: number; readonly meta_list_key?: string | undefined }): StreamAdapter {
  const { size, meta_list_key: key } = args;
  return {
    whole: false,
    expand(meta) {
      const value = key !== undefined && isObject(meta) && Object.hasOwn(meta, key) ? meta[key] : undefined;
      const items = Array.isArray(value) ? value : [meta];
      const chunks: Json[] = [];
      for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
      return chunks;
    },
  };
}

function customAdapter(definition: InputAdapterDefinition, args: unknown): StreamAdapter {
  return { whole: false, expand: (meta, nodeId) => definition.expand({ meta: deepFreeze(meta), nodeId, args }) };
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
