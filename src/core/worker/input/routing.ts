import { safeParse } from "zod/v4/core";
import {
  adapterName,
  builtInAdapter,
  commonAdapterArgs,
  pullEach,
  type StreamAdapter,
  spellOutArgs,
  splitArgs,
} from "../../../builtins/input-adapters/index.ts";
import type { HandlerDefinition, InputAdapterDefinition } from "../../../definitions/index.ts";
import type { JsonObject } from "../../../errors/index.ts";
import { matcher } from "../../../graph/format/pattern.ts";
import { deepFreeze } from "../../../graph/format/plain-data.ts";
import { describeIssues } from "../../codec/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import { firstNotUpstream, type NodePlan, type Plan, type Routing } from "../../plan/index.ts";
import type { Choice, GatherSource } from "./gather-input.ts";

/** Where the batches of an attempt come from. */
export type InputPlan =
  /** The handler's `iterBatches`. */
  | { readonly kind: "source" }
  /** A root without `iterBatches`: its arguments are the only batch. */
  | { readonly kind: "single" }
  | ({
      readonly kind: "stream";
      readonly adapter: StreamAdapter;
      readonly fromNodes: readonly string[];
      /** If it reads the failed batches of its sources: how each source reads its own sources, transitively. */
      readonly failuresOf?: ReadonlyMap<string, InputPlan>;
    } & Choice &
      Polling)
  | ({ readonly kind: "gather"; readonly sources: readonly GatherSource[] } & Choice & Polling)
  /** How these nodes have ended. */
  | ({ readonly kind: "outcomes"; readonly sources: readonly GatherSource[] } & Choice & Polling);

export interface Polling {
  readonly pollMs: number | undefined;
  readonly pollMaxMs: number | undefined;
}

/**
 * The graph's adapter takes precedence; then the handler's suggestion, then its `iterBatches`, then every artifact of
 * every parent. Decided before any handler code runs.
 *
 * @throws AttemptError `bad_input_adapter` or `bad_input_args`, both permanent
 */
export function routeInput(options: {
  readonly node: NodePlan;
  readonly plan: Plan;
  readonly handler: Pick<HandlerDefinition, "inputAdapter" | "iterBatches">;
  readonly customAdapters: ReadonlyMap<string, InputAdapterDefinition>;
  /** Nodes whose failed batches are read, with how they read their input; filled during the call. */
  readonly failing?: Map<string, InputPlan>;
}): InputPlan {
  const { node, handler } = options;
  const routing: Routing | undefined = node.routing ?? handler.inputAdapter;
  if (routing !== undefined) return adapterInput({ ...options, routing });
  if (handler.iterBatches !== undefined) return { kind: "source" };
  if (node.dependsOn.length === 0) return { kind: "single" };
  return { kind: "stream", adapter: pullEach, fromNodes: node.dependsOn, pollMs: undefined, pollMaxMs: undefined };
}

function adapterInput(options: Parameters<typeof routeInput>[0] & { readonly routing: Routing }): InputPlan {
  const { node, plan, routing } = options;
  const name = adapterName(routing.adapter);
  const custom = options.customAdapters.get(name);
  // The handler's suggestion may be abbreviated; graphs were normalised when their task was created.
  const written = spellOutArgs(routing.args);
  if (custom !== undefined) {
    const { common, own } = splitArgs(written, custom.args);
    const args = check(name, commonAdapterArgs, common);
    return streamInput({ node, plan, args, adapter: customAdapter(custom, check(name, custom.args, own)) });
  }
  const builtIn = builtInAdapter(name);
  if (builtIn === undefined) {
    throw new AttemptError("bad_input_adapter", `'${name}' is not an input adapter of this worker`);
  }
  const args = check(name, builtIn.args, written) as CommonArgs; // each adapter accepts these besides its own
  const adapter = builtIn.batches(args);
  if (adapter === "gather" || adapter === "outcomes") return { ...gatherInput({ node, plan, args }), kind: adapter };
  if (adapter !== "failures") return streamInput({ node, plan, args, adapter });
  const input = streamInput({ node, plan, args, adapter: pullEach });
  const { failing = new Map<string, InputPlan>() } = options;
  // Each node once: there may be many paths to it.
  for (const id of input.fromNodes) if (!failing.has(id)) failing.set(id, failingInput(id, { ...options, failing }));
  return { ...input, failuresOf: failing };
}

/** How a node whose failed batches are read reads its sources. */
function failingInput(nodeId: string, options: Parameters<typeof routeInput>[0]): InputPlan {
  const node = options.plan.byId.get(nodeId) as NodePlan; // `checkSources` has verified it
  if (!node.batches.setsAside) {
    throw new AttemptError(
      "bad_input_args",
      `it reads the failed batches of '${nodeId}', which does not set any aside`,
    );
  }
  if (node.routing === undefined && node.dependsOn.length > 0) {
    const message = `it reads the failed batches of '${nodeId}', whose input_adapter the graph must name`;
    throw new AttemptError("bad_input_args", message);
  }
  return routeInput({ ...options, node, handler: {} });
}

type CommonArgs = (typeof commonAdapterArgs)["_zod"]["output"] & { readonly from?: Readonly<Record<string, string>> };

function gatherInput({ node, plan, args }: Omit<Parameters<typeof streamInput>[0], "adapter">) {
  const sources =
    args.from === undefined
      ? (args.from_nodes ?? node.dependsOn).map((nodeId) => ({ alias: nodeId, nodeId }))
      : Object.entries(args.from).map(([alias, nodeId]) => ({ alias, nodeId }));
  checkSources(
    node,
    plan,
    sources.map((source) => source.nodeId),
  );
  return { sources, ...choiceOf(args), ...pollingOf(args) };
}

function streamInput(options: {
  readonly node: NodePlan;
  readonly plan: Plan;
  readonly args: CommonArgs;
  readonly adapter: StreamAdapter;
}): InputPlan & { readonly kind: "stream" } {
  const { node, plan, args, adapter } = options;
  const fromNodes = args.from_nodes ?? node.dependsOn;
  checkSources(node, plan, fromNodes);
  return { kind: "stream", adapter, fromNodes, ...choiceOf(args), ...pollingOf(args) };
}

const choiceOf = ({ where }: CommonArgs): Choice => (where === undefined ? {} : { takes: matcher(where) });

const pollingOf = (args: CommonArgs): Polling => ({ pollMs: args.poll_ms, pollMaxMs: args.backoff_max_ms });

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

function customAdapter(definition: InputAdapterDefinition, args: unknown): StreamAdapter {
  return { whole: false, expand: (meta, nodeId) => definition.expand({ meta: deepFreeze(meta), nodeId, args }) };
}
