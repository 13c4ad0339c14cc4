import { builtInFunction } from "../../builtins/coordinator-functions/index.ts";
import { adapterName, builtInAdapter } from "../../builtins/input-adapters/index.ts";
import type { HandlerDefinition } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import { matcher } from "../../graph/format/pattern.ts";
import {
  type BatchPolicy,
  coordinatorFnType,
  flowType,
  type Graph,
  type GraphNode,
  retryDefaults,
} from "../../graph/index.ts";
import { sourceKey } from "../model/records.ts";
import type { Random } from "../ports/index.ts";

/** Where a node's input comes from, according to the graph. */
export interface Routing {
  readonly adapter: string;
  /** `input_args` as written; the worker checks them again, as a graph may come from anywhere. */
  readonly args: JsonObject;
}

/** A shard that others read. */
export interface SourceShard {
  readonly nodeId: string;
  readonly shard: number;
  readonly key: string;
}
export const sourceShard = (nodeId: string, shard: number): SourceShard => ({
  nodeId,
  shard,
  key: sourceKey(nodeId, shard),
});

/**
 * A node of a graph with all defaults filled in. The only place that maps the graph's JSON keys to the engine's names.
 */
export interface NodePlan {
  readonly id: string;
  readonly type: string;
  readonly dependsOn: readonly string[];
  /** How many parents must satisfy it: 0 for a root. */
  readonly needed: number;
  readonly needsAll: boolean;
  readonly startsOnFirstBatch: boolean;
  /** Starts when its parents have ended, whatever the outcome. */
  readonly startsOnEnded: boolean;
  /** Its failure does not fail the task. */
  readonly optional: boolean;
  /** Whether it runs, judged when it is dispatched; `undefined`: always. */
  readonly holds: ((facts: JsonObject) => boolean) | undefined;
  readonly routing: Routing | undefined;
  /** The handler's own arguments. */
  readonly args: JsonObject;
  readonly fn: { readonly name: string; readonly args: JsonObject } | undefined;
  /** The flow that runs for each of its batches. */
  readonly flow: FlowPlan | undefined;
  readonly retry: RetryPlan;
  readonly partitions: number;
  /** One for each partition. */
  readonly shards: readonly SourceShard[];
  /** The time between its dispatch and its start. */
  readonly delayMs: number;
  /** `undefined`: it does not wait for a signal. */
  readonly wait: WaitPlan | undefined;
  readonly timeoutMs: number | undefined;
  /** How many of its shards may run at once: in its task, or with `key` in all tasks of the flow. */
  readonly maxRunning: number | undefined;
  /** The value that its limits apply to. */
  readonly key: string | undefined;
  /** Names the node in all tasks of the flow. */
  readonly shared: string;
  /** How many tries of its batches may begin, in all tasks of the flow. */
  readonly rate: RatePlan | undefined;
  readonly batches: BatchPlan;
  /** `undefined`: the node does not wait for its consumers. */
  readonly backpressure: BackpressurePlan | undefined;
}

/** In any time T, at most `burst` + `perSec` * T may begin. */
export interface RatePlan {
  readonly perSec: number;
  readonly burst: number;
}

/** What a node of type `flow` runs. */
export interface FlowPlan {
  readonly name: string;
  readonly graph: Graph;
  /** The parameter that receives the batch; the others are the node's arguments. */
  readonly item: string;
  readonly settled: boolean;
  /** How many tasks of the node run at once. */
  readonly maxRunning: number;
}

/** How a node waits for a signal. */
export interface WaitPlan {
  /** The JSON Schema of its payload. */
  readonly payload: JsonObject;
  /** From its dispatch. `undefined`: as long as its task runs. */
  readonly timeoutMs: number | undefined;
  /** Its output if no signal comes in time. `undefined`: it fails. */
  readonly onTimeout: Json | undefined;
}

/** What happens to each batch of a node. */
export interface BatchPlan {
  /** Batches are stored in the order of the input. */
  readonly ordered: boolean;
  /** A batch that fails for good is set aside, and does not fail the node. */
  readonly setsAside: boolean;
  /** How many batches each shard may set aside. @defaultValue any number */
  readonly maxAside: number;
  /** The share of its batches that a shard may have set aside when it ends. @defaultValue 1 */
  readonly maxAsideShare: number;
  /** The longest time of one try. */
  readonly timeoutMs: number | undefined;
}

/** How far each shard of a node may be ahead of a running consumer. */
export interface BackpressurePlan {
  /** Batches of a shard that the consumer has not read. */
  readonly maxPending: number;
  /**
   * A consumer reports its position every so many batches. Must be less than `maxPending`, or the producer would wait
   * for a consumer that has read everything; half of it, so that a fast consumer does not stall the producer.
   */
  readonly reportEvery: number;
}

export interface Plan {
  readonly graph: Graph;
  readonly nodes: readonly NodePlan[];
  readonly byId: ReadonlyMap<string, NodePlan>;
  readonly children: ReadonlyMap<string, readonly NodePlan[]>;
  readonly leaves: readonly NodePlan[];
  /** Nodes with a child that may start before they finish. */
  readonly streaming: ReadonlySet<string>;
  /** Handlers of outcomes and their descendants. */
  readonly handling: ReadonlySet<string>;
}

export function planGraph(graph: Graph): Plan {
  const nodes = graph.nodes.map((node) => planNode(node, graph));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const children = new Map<string, NodePlan[]>(nodes.map((node) => [node.id, []]));
  const streaming = new Set<string>();
  for (const node of nodes) {
    for (const parent of node.dependsOn) {
      children.get(parent)?.push(node);
      if (node.startsOnFirstBatch) streaming.add(parent);
    }
  }
  const leaves = nodes.filter((node) => children.get(node.id)?.length === 0);
  const handling = new Set(nodes.filter(({ startsOnEnded }) => startsOnEnded).map(({ id }) => id));
  // The loop continues with the nodes added here.
  for (const id of handling) for (const child of children.get(id) ?? []) handling.add(child.id);
  return { graph, nodes, byId, children, leaves, streaming, handling };
}

/** The node that may start as soon as this one has finished: it waits for nothing else and has no condition. */
export function nextOf({ children }: Plan, node: NodePlan): NodePlan | undefined {
  const [next, other] = children.get(node.id) ?? [];
  if (next === undefined || other !== undefined || node.partitions > 1) return undefined;
  const { dependsOn, needsAll, startsOnFirstBatch, holds, partitions, delayMs, wait } = next;
  const isAlone = dependsOn.length === 1 && partitions === 1 && needsAll && !startsOnFirstBatch;
  return isAlone && holds === undefined && delayMs === 0 && wait === undefined ? next : undefined;
}

/** The first of these nodes that is not upstream of `node`, which would wait for it forever. */
export function firstNotUpstream(plan: Plan, node: NodePlan, ids: readonly string[]): string | undefined {
  if (ids === node.dependsOn) return undefined;
  const upstream = new Set(node.dependsOn);
  const rest = ids.filter((id) => !upstream.has(id));
  if (rest.length === 0) return undefined; // most sources are parents: no traversal needed
  for (const id of upstream) {
    for (const parent of plan.byId.get(id)?.dependsOn ?? []) upstream.add(parent); // the loop continues with the nodes added here
  }
  return rest.find((id) => !upstream.has(id));
}

/** The nodes that this one may read: its parents, and any ancestor named in its arguments. */
function sourcesOf({ byId }: Plan, { id, dependsOn, routing, fn }: NodePlan): readonly string[] {
  const named = new Set(dependsOn);
  const look = (value: Json | undefined): void => {
    if (typeof value === "string" && byId.has(value)) named.add(value);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(look);
  };
  const { where: _, ...args } = routing?.args ?? {};
  look(args as JsonObject);
  look(fn?.args);
  named.delete(id);
  return [...named];
}

/**
 * The nodes whose logs this one may read. A node that reads what its sources have set aside also reads the payloads of
 * these batches, from the sources of its sources. Without an adapter in the graph, its handler's suggestion may do so.
 */
export function logsReadBy(plan: Plan, node: NodePlan): readonly string[] {
  const read = new Set(sourcesOf(plan, node));
  const failing = new Set(mayReadFailures(node) ? read : []);
  for (const id of failing) {
    const source = plan.byId.get(id);
    // A handler of outcomes reads none of the logs of its parents.
    if (!source?.batches.setsAside || source.startsOnEnded) continue;
    for (const each of sourcesOf(plan, source)) {
      read.add(each);
      if (mayReadFailures(source)) failing.add(each); // the loop continues with the nodes added here
    }
  }
  return [...read];
}

const mayReadFailures = ({ routing, fn }: NodePlan): boolean =>
  fn === undefined && (routing === undefined || builtInAdapter(adapterName(routing.adapter))?.readsFailures === true);

/** The nodes that may read this one batch by batch. */
export function streamReadersOf(plan: Plan, { id }: NodePlan): readonly string[] {
  return plan.nodes
    .filter((node) => node.fn === undefined && sourcesOf(plan, node).includes(id))
    .map((node) => node.id);
}

/** Plans by graph object: a flow that runs often compiles to the same object, which a task's record keeps. */
export class PlanCache {
  readonly #plans = new WeakMap<Graph, Plan>();
  readonly #compiledFrom = new WeakMap<object, Readonly<Record<string, HandlerDefinition>>>();

  get(graph: Graph): Plan {
    let plan = this.#plans.get(graph);
    if (plan === undefined) {
      plan = planGraph(graph);
      this.#plans.set(graph, plan);
    }
    return plan;
  }

  /** Records that the schemas were compiled from these handlers, so that they need not be compared. */
  compiled({ schemas }: Graph, handlers: Readonly<Record<string, HandlerDefinition>>): void {
    if (schemas !== undefined) this.#compiledFrom.set(schemas, handlers);
  }

  /** Whether the schemas in the graph are those of this handler, as far as that is known without a comparison. */
  isCompiledFrom({ schemas }: Graph, handler: HandlerDefinition): boolean {
    return schemas === undefined || this.#compiledFrom.get(schemas)?.[handler.name] === handler;
  }
}

/** Enough to keep workers busy; each running child task costs a record and a poll. */
const defaultChildren = 8;

function planNode(node: GraphNode, { name: flowName = "", flows = {} }: Graph): NodePlan {
  const parents = node.depends_on.length;
  const fanIn = node.fan_in ?? "all";
  const policy = { ...retryDefaults, ...node.retry_policy };
  const { input_adapter, input_args, ...args } = node.io?.input_inline ?? {};
  const { max_running: max, per_sec: perSec, burst = 1, key } = node.limits ?? {};
  const maxRunning = max === undefined ? undefined : Number(max);
  const { flow: name = "", item = "", settled = false } = node.io ?? {};
  const graph = node.type === flowType && Object.hasOwn(flows, name) ? flows[name] : undefined;
  const flow = graph && { name, graph, item, settled, maxRunning: maxRunning ?? defaultChildren };
  const timeoutMs = node.timeout_sec === undefined ? undefined : node.timeout_sec * 1_000;
  const wait = planWait(node, timeoutMs);
  const { partitions = 1 } = node;
  return {
    id: node.node_id,
    type: node.type,
    dependsOn: node.depends_on,
    needed: parents === 0 || fanIn === "all" ? parents : fanIn === "any" ? 1 : Number(fanIn.slice("count:".length)),
    needsAll: fanIn === "all",
    startsOnFirstBatch: node.io?.start_when === "first_batch",
    startsOnEnded: node.io?.start_when === "ended",
    optional: node.optional === true,
    holds: planCondition(node.when),
    routing: input_adapter === undefined ? undefined : { adapter: input_adapter, args: input_args ?? {} },
    args: definedOnly(args),
    fn:
      node.type === coordinatorFnType && node.io?.fn !== undefined
        ? { name: node.io.fn, args: node.io.fn_args ?? {} }
        : undefined,
    flow,
    retry: {
      maxFailures: policy.max + 1,
      backoffMs: policy.backoff_sec * 1_000,
      factor: policy.backoff_factor,
      backoffMaxMs: policy.backoff_max_sec * 1_000,
      jitter: policy.jitter,
      permanentOn: policy.permanent_on,
    },
    partitions,
    shards: Array.from({ length: partitions }, (_, shard) => sourceShard(node.node_id, shard)),
    delayMs: Number(node.delay_sec ?? 0) * 1_000,
    wait,
    timeoutMs: wait === undefined ? timeoutMs : undefined,
    maxRunning: node.type === flowType ? undefined : maxRunning, // of a flow: how many of its tasks run
    shared: `${flowName}/${node.node_id}`,
    key: key === undefined ? undefined : String(key),
    rate: perSec === undefined ? undefined : { perSec: Number(perSec), burst: Number(burst) },
    batches: planBatches(node.batches),
    backpressure: planBackpressure(node.io?.max_pending_batches),
  };
}

function planWait({ type, io = {} }: GraphNode, timeoutMs: number | undefined): WaitPlan | undefined {
  const { fn, fn_args = {} } = io;
  if (type !== coordinatorFnType || fn === undefined || builtInFunction(fn)?.awaitsSignal === undefined)
    return undefined;
  const { payload = {}, on_timeout: onTimeout } = fn_args as {
    readonly payload?: JsonObject;
    readonly on_timeout?: Json;
  };
  return { payload, timeoutMs, onTimeout };
}

function planCondition(when: GraphNode["when"]): NodePlan["holds"] {
  if (when === undefined) return undefined;
  const cases = [when].flat().map((each) => matcher(each));
  return (facts) => cases.some((matches) => matches(facts));
}

function planBatches(policy: BatchPolicy = {}): BatchPlan {
  const { ordered = false, on_failure, tolerate_batches, tolerate_share = 1, timeout_sec } = policy;
  return {
    ordered,
    setsAside: on_failure === "set_aside",
    maxAside: tolerate_batches ?? Number.POSITIVE_INFINITY,
    maxAsideShare: tolerate_share,
    timeoutMs: timeout_sec === undefined ? undefined : timeout_sec * 1_000,
  };
}

function planBackpressure(maxPending: number | undefined): BackpressurePlan | undefined {
  return maxPending === undefined ? undefined : { maxPending, reportEvery: Math.ceil(maxPending / 2) };
}

function definedOnly(args: { readonly [key: string]: Json | undefined }): JsonObject {
  return args as JsonObject; // the rest of a validated object: every key that is present has a value
}

export interface RetryPlan {
  /** The number of failed attempts that fails the node: retries + 1. */
  readonly maxFailures: number;
  readonly backoffMs: number;
  readonly factor: number;
  readonly backoffMaxMs: number;
  /** 0 to 1: the delay is multiplied by a random factor, uniform in [1 - jitter, 1 + jitter]. */
  readonly jitter: number;
  readonly permanentOn: readonly string[];
}

/** The delay before retry number `retry` (1, 2, ...), in ms. */
export function retryDelayMs(plan: RetryPlan, retry: number, random: Random): number {
  if (plan.backoffMs === 0) return 0; // the power of the factor may be infinite
  const delay = Math.min(plan.backoffMaxMs, plan.backoffMs * plan.factor ** (retry - 1));
  return delay * (1 - plan.jitter + 2 * plan.jitter * random());
}
