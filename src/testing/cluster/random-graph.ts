import type { Json, JsonObject } from "../../errors/index.ts";
import type { BatchPolicy } from "../../graph/index.ts";
import type { SeededRandom } from "../scheduler/seeded-random.ts";
import { kinds, partsAdapter } from "./computation.ts";
import { drawVarsChange } from "./vars-changes.ts";

/** A node of graph JSON, before validation. */
export interface DrawnNode {
  readonly node_id: string;
  readonly type: string;
  readonly depends_on: readonly string[];
  readonly [key: string]: unknown;
}

/** The node types of a simulated cluster. `…_n`: not resumable. */
export const workerTypes = ["source", "source_n", "map", "map_n"] as const;

/** An error code that handlers throw and some nodes list in `permanent_on`. */
export const sometimesPermanent = "sometimes_permanent";
/** The error code of a batch that fails at each try. */
export const hopeless = "hopeless";
/** The error code of a failing `setup`. */
export const setupFailed = "setup_broken";

const mostParents = 3;

/** A valid graph that uses all options of nodes. */
export function randomGraph(random: SeededRandom, maxNodes: number, { runsFlows = false } = {}): DrawnFlow {
  const drawer = new GraphDrawer(random, runsFlows && random.chance(0.35));
  const count = 1 + random.int(maxNodes);
  for (let index = 0; index < count; index++) drawer.add(`n${index}`);
  // Several concurrent counters: each writer of variables must see what the others wrote.
  if (random.chance(0.2)) for (let index = 2 + random.int(2); index > 0; index--) drawer.addCounter(`counter${index}`);
  // The order of nodes in the JSON is independent of their dependencies.
  const nodes = random.chance(0.7) ? drawer.nodes : random.shuffled(drawer.nodes);
  const named = { name: `g${random.int(1e6)}`, nodes };
  return nodes.some(({ type }) => type === "flow") ? { ...named, flows: { sub: randomFlow(random, 0) } } : named;
}

/** A flow that nodes run for each batch, whose results can be recomputed. */
export interface DrawnFlow {
  /** Limits over all tasks of a flow are keyed by its name. */
  readonly name: string;
  readonly nodes: readonly DrawnNode[];
  readonly flows?: { readonly sub: DrawnFlow };
}

/** One or two nodes, and possibly one that runs another flow. */
function randomFlow(random: SeededRandom, depth: number): DrawnFlow {
  const inline = { item: { $ref: "params.item" }, salt: { $ref: "params.salt" } };
  const failing = random.chance(0.5) ? { hopeless: true } : {};
  const retry_policy = { max: random.int(3), backoff_sec: random.next() / 2 };
  const root = {
    node_id: `r${random.int(9)}`,
    type: random.pick(["map", "map", "map_n"]),
    depends_on: [],
    io: { input_inline: { ...inline, ...failing } },
    retry_policy,
    ...(random.chance(0.3) ? { limits: randomLimits(random) } : {}),
  };
  const name = `f${random.int(1e6)}`;
  const depends_on = [root.node_id];
  if (depth === 0 && random.chance(0.3)) {
    const io = { flow: "sub", item: "item", input_inline: { salt: random.int(9) } };
    const nested = { node_id: "nested", type: "flow", depends_on, io, retry_policy };
    return { name, nodes: [root, nested], flows: { sub: randomFlow(random, depth + 1) } };
  }
  const next = { node_id: "next", type: random.pick(["map", "map_n"]), depends_on, retry_policy };
  return { name, nodes: random.chance(0.6) ? [root, next] : [root] };
}

/** Low, so that they take effect; keys are already resolved from the parameters of a task. */
function randomLimits(random: SeededRandom): JsonObject {
  const isRated = random.chance(0.6);
  return {
    ...(isRated ? { per_sec: random.pick([1.5, 4, 15, 60]) } : {}),
    ...(isRated && random.chance(0.5) ? { burst: 1 + random.int(3) } : {}),
    ...(!isRated || random.chance(0.4) ? { max_running: 1 + random.int(2) } : {}),
    ...(random.chance(0.5) ? { key: random.pick(["a", "a", 1]) } : {}),
  };
}

type Drawn = Pick<DrawnNode, "type"> & {
  readonly io: JsonObject;
  readonly batches?: BatchPolicy;
  readonly partitions?: number;
  readonly retry_policy?: JsonObject;
};

class GraphDrawer {
  readonly nodes: DrawnNode[] = [];
  readonly #random: SeededRandom;
  readonly #above = new Map<string, readonly string[]>();
  /** Nodes that set batches aside, which others may read. */
  readonly #aside = new Set<string>();
  readonly #functions = new Set<string>();
  /** Handlers of outcomes. */
  readonly #handling: string[] = [];
  /** Nodes with several shards, and nodes that run a flow for each batch: no condition on their results is possible. */
  readonly #withoutResult = new Set<string>();
  /** Probability that a node has backpressure; above 0 in a third of the graphs. */
  readonly #waits: number;

  /** Whether most nodes follow a single parent, so that its worker can claim them without a coordinator. */
  readonly #isChain: boolean;
  /** Whether some nodes run a flow for each batch. */
  readonly #runsFlows: boolean;

  constructor(random: SeededRandom, runsFlows: boolean) {
    this.#runsFlows = runsFlows;
    this.#random = random;
    this.#waits = random.chance(0.33) ? 0.6 : 0;
    this.#isChain = random.chance(0.5);
  }

  add(id: string): void {
    const random = this.#random;
    const ids = this.nodes.map((node) => node.node_id);
    const some = () => (random.chance(0.2) ? [] : random.some(ids, 0.5).slice(-mostParents));
    const isBehind = this.#handling.length > 0 && random.chance(0.4);
    const isChained = this.#isChain && ids.length > 0 && random.chance(0.8);
    const isPlain = isChained && random.chance(0.7);
    const parents = isBehind ? [random.pick(this.#handling)] : isChained ? ids.slice(-1) : some();
    const above = [...new Set(parents.flatMap((parent) => [parent, ...(this.#above.get(parent) ?? [])]))];
    this.#above.set(id, above);
    const handles = parents.length > 0 && random.chance(0.2);
    const isFunction = !handles && (parents.length > 0 ? random.chance(0.15) : random.chance(0.05));
    const isWait = !handles && !isFunction && random.chance(parents.length > 0 ? 0.08 : 0.03);
    const mayRunFlow = this.#runsFlows && !handles && !isFunction && !isWait && parents.length > 0;
    const isFlow = mayRunFlow && random.chance(0.5);
    const optional = random.chance(0.15);
    if (isFunction || isWait) this.#functions.add(id);
    if (handles) this.#handling.push(id);
    const ofHandler = () => (isFlow ? this.#flowOf(above) : this.#handlerOf(parents, above, optional));
    const ordinary = () => (isFunction ? this.#functionOf(above) : ofHandler());
    const drawn: Drawn = handles ? this.#outcomesOf(parents) : isWait ? this.#wait() : ordinary();
    const { type, io, ...others } = drawn;
    const options = isPlain ? { ...others, partitions: 1 } : others;
    if (isFlow || (options.partitions ?? 1) > 1) this.#withoutResult.add(id);
    const { input_adapter } = (io.input_inline ?? {}) as JsonObject;
    const isRead = parents.length === 0 || input_adapter !== undefined;
    if (isRead && options.batches?.on_failure !== undefined) this.#aside.add(id);
    const streams = !handles && !isWait && parents.length > 0 && random.chance(isPlain ? 0.1 : 0.6);
    const startWhen = streams ? { start_when: "first_batch" } : {};
    const delay = !isWait && !isPlain && random.chance(0.08) ? { delay_sec: random.pick([0.05, 0.5, 3]) } : {};
    const fanIn = isPlain ? {} : this.#fanIn(parents.length);
    const areJudged = !streams && (fanIn.fan_in ?? "all") === "all";
    this.nodes.push({
      node_id: id,
      type,
      depends_on: parents,
      ...fanIn,
      ...(isPlain ? {} : this.#when(areJudged ? parents : [])),
      ...(optional ? { optional } : {}),
      io: { ...startWhen, ...(isFunction || isWait ? {} : this.#backpressure()), ...io },
      retry_policy: this.#retryPolicy(),
      ...delay,
      ...options,
    });
  }

  addCounter(id: string): void {
    this.nodes.push({ node_id: id, type: "coordinator_fn", depends_on: [], io: drawVarsChange(this.#random) });
  }

  /**
   * A source waits only for a consumer that is several batches behind, so graphs with backpressure have more batches.
   */
  #batches(): number {
    return this.#random.int(this.#waits > 0 && this.#random.chance(0.5) ? 25 : 9);
  }

  #fanIn(parents: number): { fan_in?: string } {
    const random = this.#random;
    if (parents === 0 || random.chance(0.6)) return {};
    return { fan_in: random.pick(["all", "any", `count:${1 + random.int(parents)}`]) };
  }

  #backpressure(): JsonObject {
    return this.#random.chance(this.#waits) ? { max_pending_batches: this.#random.pick([1, 1, 2, 3, 4]) } : {};
  }

  #retryPolicy(): JsonObject {
    const random = this.#random;
    return {
      max: 2 + random.int(5),
      backoff_sec: random.next(),
      jitter: random.pick([0, 0.1, 1]),
      backoff_factor: random.pick([1, 1, 2]),
      backoff_max_sec: 4,
      ...(random.chance(0.3) ? { permanent_on: [sometimesPermanent] } : {}),
    };
  }

  /** A condition on these parents, whose status and results are final when the node is dispatched. */
  #when(parents: readonly string[]): { when?: Json } {
    const random = this.#random;
    if (!random.chance(0.25)) return {};
    const rows = random.pick<Json>([10, { $not: 10 }]);
    const condition = (): Json => {
      if (parents.length === 0 || random.chance(0.3)) return { params: { limits: { rows } } };
      const id = random.pick(parents);
      const result = random.pick<Json>([{ batches: random.int(6) }, { batches: { $not: random.int(6) } }]);
      const pattern = this.#functions.has(id) || random.chance(0.2) ? { $exists: random.chance(0.5) } : result;
      if (random.chance(0.5) && !this.#withoutResult.has(id)) return { results: { [id]: pattern } };
      return {
        status: { [id]: random.pick<Json>(["finished", "skipped", { $not: "finished" }, ["failed", "skipped"]]) },
      };
    };
    return { when: random.chance(0.3) ? [condition(), condition()] : condition() };
  }

  #outcomesOf(parents: readonly string[]): Drawn {
    const random = this.#random;
    const sources = random.some(parents, 0.7);
    const from = sources.length === 0 || random.chance(0.5) ? {} : { from_nodes: random.shuffled(sources) };
    const status = random.pick<Json>(["failed", ["finished", "skipped"], { $not: "cancelled" }]);
    const args = { ...from, ...(random.chance(0.4) ? { where: { status } } : {}) };
    const input = { input_adapter: "pull.outcomes", ...(Object.keys(args).length === 0 ? {} : { input_args: args }) };
    const batches = this.#batchPolicy();
    return {
      type: `map${random.chance(0.3) ? "_n" : ""}`,
      io: { start_when: "ended", input_inline: { ...input, ...(random.chance(0.2) ? { hopeless: true } : {}) } },
      ...(Object.keys(batches).length > 0 ? { batches } : {}),
      ...(random.chance(0.2) ? { partitions: 2 } : {}),
    };
  }

  #handlerOf(parents: readonly string[], above: readonly string[], optional: boolean): Drawn {
    const random = this.#random;
    const isRoot = parents.length === 0;
    const isSource = random.chance(isRoot ? 0.9 : 0.08);
    const type = `${isSource ? "source" : "map"}${random.chance(0.3) ? "_n" : ""}`;
    const input = isRoot || (isSource && random.chance(0.7)) ? {} : this.#adapterOf(above);
    const partitions = random.chance(0.2) ? 2 + random.int(2) : 1;
    const maySave = type === "source" && Object.keys(input).length === 0;
    const own = isSource ? { ...this.#sourceArgs(maySave), partitions } : {};
    const batches = this.#batchPolicy();
    const isSpared = optional || batches.on_failure !== undefined;
    const failing = random.chance(isSpared ? 0.4 : 0.03) ? { hopeless: true } : {};
    return {
      type,
      io: { input_inline: { ...own, ...input, ...failing } },
      ...(Object.keys(batches).length > 0 ? { batches } : {}),
      ...(partitions > 1 ? { partitions } : {}),
      ...(random.chance(0.2) ? { limits: random.chance(0.3) ? { max_running: 1 } : randomLimits(random) } : {}),
      ...(random.chance(0.2) ? { timeout_sec: random.pick([1, 2, 6]) } : {}),
    };
  }

  #flowOf(above: readonly string[]): Drawn {
    const random = this.#random;
    const drawn = this.#adapterOf(above);
    const input = drawn.input_adapter === "pull.gather" ? {} : drawn;
    const settled = random.chance(0.5);
    const batches = this.#batchPolicy();
    return {
      type: "flow",
      io: {
        ...{ input_inline: { ...input, salt: random.int(9) }, flow: "sub", item: "item" },
        ...(settled ? { settled } : {}),
      },
      // Few tries, so that child tasks that always fail become outputs.
      ...(settled ? { retry_policy: { max: random.int(3), backoff_sec: random.next() } } : {}),
      ...(Object.keys(batches).length > 0 ? { batches } : {}),
      ...(random.chance(0.5) ? { limits: { max_running: 1 + random.int(3), ...this.#rate() } } : {}),
      ...(random.chance(0.1) ? { timeout_sec: random.pick([2, 6]) } : {}),
    };
  }

  #rate(): JsonObject {
    return this.#random.chance(0.3) ? { per_sec: this.#random.pick([2, 10]) } : {};
  }

  #batchPolicy(): BatchPolicy {
    const random = this.#random;
    const limits = {
      ...(random.chance(0.3) ? { ordered: true } : {}),
      ...(random.chance(0.2) ? { timeout_sec: random.pick([0.5, 1, 2]) } : {}),
    };
    if (!random.chance(0.3)) return limits;
    const tolerate = random.pick([{}, {}, { tolerate_batches: random.int(4) }, { tolerate_share: random.next() / 2 }]);
    return { ...limits, on_failure: "set_aside", ...tolerate };
  }

  #sourceArgs(maySave: boolean): JsonObject {
    const random = this.#random;
    const saves = maySave && random.chance(0.4);
    return {
      batches: this.#batches(),
      shuffle: !saves && random.chance(0.3),
      grow: random.chance(0.3),
      saves,
      waits: random.chance(0.3),
    };
  }

  /** In a third of the inputs, only some artifacts are taken. */
  #where(): JsonObject {
    const random = this.#random;
    if (!random.chance(0.33)) return {};
    const kind = random.pick<Json>(kinds);
    const some = random.pick<Json>([kind, random.some(kinds, 0.7), { $not: kind }, { $exists: random.chance(0.7) }]);
    return { where: { kind: Array.isArray(some) && some.length === 0 ? kind : some } };
  }

  #adapterOf(above: readonly string[]): JsonObject {
    const random = this.#random;
    const failing = random.some(
      above.filter((id) => this.#aside.has(id)),
      0.7,
    );
    if (failing.length > 0 && random.chance(0.7)) {
      return { input_adapter: "pull.failures", input_args: { from_nodes: random.shuffled(failing) } };
    }
    const sources = random.some(above, 0.6);
    const from = sources.length === 0 || random.chance(0.4) ? {} : { from_nodes: random.shuffled(sources) };
    const where = this.#where();
    const kind = random.int(10);
    if (kind < 2) return {}; // every batch of every parent
    if (kind < 4) {
      const name = random.pick(["pull.from_artifacts", "pull.artifacts", "pull.from.upstream"]);
      const single = sources.length === 1 && random.chance(0.5) ? { from_node: sources[0] as string } : from;
      return {
        input_adapter: name,
        input_args: { ...single, ...where, ...(random.chance(0.3) ? { poll_ms: 20 } : {}) },
      };
    }
    if (kind === 4) {
      const parts = 1 + random.int(3);
      return { input_adapter: partsAdapter.name, input_args: { ...from, ...where, key: "rows", parts } };
    }
    if (kind === 5) {
      return { input_adapter: "pull.from_artifacts.each", input_args: { ...from, ...where, meta_list_key: "rows" } };
    }
    if (kind < 8) {
      const list = random.chance(0.7) ? { meta_list_key: "rows" } : {};
      const name = random.pick(["pull.from_artifacts.rechunk:size", "pull.rechunk"]);
      return { input_adapter: name, input_args: { ...from, ...where, ...list, size: 1 + random.int(3) } };
    }
    const aliases = Object.fromEntries(sources.map((id, index) => [`alias${index}`, id]));
    const args = sources.length > 0 && random.chance(0.5) ? { from: aliases } : from;
    return { input_adapter: "pull.gather", input_args: { ...args, ...where } };
  }

  #functionOf(above: readonly string[]): Drawn {
    const random = this.#random;
    const sources = random.some(above, 0.6);
    const call = (fn: string, fn_args: JsonObject) => ({ type: "coordinator_fn", io: { fn, fn_args } });
    if (sources.length > 0 && random.chance(0.4)) {
      return call("merge.generic", { from_nodes: sources, target: { key: "merged" } });
    }
    if (sources.length > 0 && random.chance(0.4)) {
      return call("metrics.aggregate", { node_id: random.pick(sources), mode: random.pick(["sum", "max", "mean"]) });
    }
    return random.chance(0.7) ? { type: "coordinator_fn", io: drawVarsChange(random) } : call("noop", {});
  }

  /** A wait for a signal, which may never be sent if the wait has a timeout. */
  #wait(): Drawn {
    const random = this.#random;
    const payload = { type: "object", properties: { rows: { type: "array", items: { type: "number" } } } };
    const limit = random.chance(0.5) ? { timeout_sec: random.pick([0.2, 1, 4]) } : {};
    const isLimited = limit.timeout_sec !== undefined;
    const args = { payload, ...(isLimited && random.chance(0.7) ? { on_timeout: { rows: [-1] } } : {}) };
    return { type: "coordinator_fn", io: { fn: "wait.signal", fn_args: args }, ...limit };
  }
}
