import { adapterName } from "../../../builtins/input-adapters/index.ts";
import type { HandlerDefinition, Logger } from "../../../definitions/index.ts";
import { type JsonObject, loggable } from "../../../errors/index.ts";
import { Assignability } from "../../../graph/data/fit.ts";
import { mismatchText } from "../../../graph/data/mismatch.ts";
import { readSchema } from "../../../graph/data/read-schema.ts";
import { contradictions, storedType } from "../../../graph/data/zod-data.ts";
import { misfitsWith } from "../../../graph/diff.ts";
import type { Graph } from "../../../graph/index.ts";
import { WireCodec } from "../../codec/index.ts";
import type { LogAccess } from "../../model/records.ts";
import type { NodePlan, Plan } from "../../plan/index.ts";
import type { Clock, HandlerGate, WorkerStore } from "../../ports/index.ts";
import { type InputPlan, routeInput } from "../input/index.ts";
import { isPromiseLike } from "./attempt-handle.ts";
import type { WorkerParts } from "./worker-options.ts";

/** Runs handler code through the gate of the store, if it has one. */
export class HandlerCode {
  readonly #gate: HandlerGate | undefined;

  constructor(store: WorkerStore) {
    // Checked by `in`: a wrapper around a store without a gate may return a method for any name.
    this.#gate = "handlerGate" in store ? store.handlerGate : undefined;
  }

  /**
   * Returns a promise only if the code does, or has to wait for the gate: most handlers are synchronous, and a tick per
   * batch is measurable.
   */
  run<T>(code: () => T): T | Promise<Awaited<T>> {
    const gate = this.#gate;
    if (gate === undefined) return code();
    const open = gate.enter();
    return open === undefined ? entered(gate, code) : waited(gate, open, code);
  }

  /** The same batches; each step of the iterator counts as handler code. */
  iterate<T>(batches: AsyncIterable<T> | Iterable<T>): AsyncIterable<T> | Iterable<T> {
    if (this.#gate === undefined) return batches;
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
        return {
          next: async () => this.run(() => iterator.next()),
          ...(iterator.return === undefined
            ? {}
            : { return: async () => this.run(() => iterator.return?.() ?? { done: true, value: undefined }) }),
        };
      },
    };
  }
}

async function waited<T>(gate: HandlerGate, open: Promise<void>, code: () => T): Promise<Awaited<T>> {
  // In a loop: a call that was released first may have written again.
  for (let locked: Promise<void> | undefined = open; locked !== undefined; locked = gate.enter()) await locked;
  return await entered(gate, code);
}

function entered<T>(gate: HandlerGate, code: () => T): T | Promise<Awaited<T>> {
  let running: Promise<Awaited<T>> | undefined;
  const leave = () => gate.leave();
  try {
    const result = code();
    if (!isPromiseLike(result)) return result;
    running = Promise.resolve(result); // called only once: a query builder runs its query at each `then`
    return running;
  } finally {
    if (running === undefined) leave();
    else running.then(leave, leave); // even if the wait was abandoned, since the code still runs
  }
}

const sliceMs = 8;

/**
 * Keeps a process responsive. Handlers that never wait run as one long chain of microtasks, during which no timer fires
 * and no socket is read: leases would expire and cancels go unnoticed. After each time slice, all callers of `pause`
 * wait for the same turn of the event loop.
 */
export class EventLoopYielder {
  readonly #clock: Clock;
  #since: number;
  #turn: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** `undefined`: the slice is not used up, continue without waiting. */
  pause(now: number = this.#clock.monotonic()): Promise<void> | undefined {
    if (this.#turn === undefined && now - this.#since >= sliceMs) {
      this.#turn = this.#clock.yield().then(() => {
        this.#turn = undefined;
        this.#since = this.#clock.monotonic();
      });
    }
    return this.#turn;
  }
}

/** How long a worker that stops waits for all of its teardowns, in ms. */
const teardownMs = 10_000;

/** A `setup` and its `teardown`, of one handler or of several. */
interface Setup {
  readonly definition: HandlerDefinition;
  /** Set while it runs and once it has succeeded. */
  made?: Promise<unknown>;
}

/** What the handlers of a worker have set up. */
export class WorkerServices {
  readonly #parts: { readonly code: HandlerCode; readonly clock: Clock; readonly logger: Logger };
  readonly #setups: Setup[] = [];
  /** In the order in which their setups have returned. */
  readonly #open: { readonly definition: HandlerDefinition; readonly services: unknown }[] = [];
  #closed = false;

  constructor(parts: { readonly code: HandlerCode; readonly clock: Clock; readonly logger: Logger }) {
    this.#parts = parts;
  }

  /** Returns a function that provides the services of this handler. Handlers with the same `setup` and `teardown` share them. */
  of(definition: HandlerDefinition): (() => Promise<unknown>) | undefined {
    if (definition.setup === undefined) return undefined;
    // A method of a class is the same function for all instances, each of which may set up something else.
    const shared = Object.hasOwn(definition, "setup")
      ? this.#setups.find(
          (each) => each.definition.setup === definition.setup && each.definition.teardown === definition.teardown,
        )
      : undefined;
    const setup: Setup = shared ?? { definition };
    if (shared === undefined) this.#setups.push(setup);
    return () => this.#get(setup);
  }

  /**
   * Tears down in reverse order, for a limited time: a teardown that takes too long is not awaited. Errors are logged.
   * Never rejects.
   */
  async close(): Promise<void> {
    const { clock, logger } = this.#parts;
    const started = this.#setups.flatMap(({ made = [] }) => made);
    if (started.length > 0) {
      const ended = new AbortController();
      const timeUp = clock.sleep(teardownMs, ended.signal).then(() => "late" as const);
      // A setup whose attempts were abandoned may still return something to tear down.
      await Promise.race([Promise.allSettled(started), timeUp]);
      for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) {
        const outcome = await Promise.race([this.#tearDown(next), timeUp]);
        if (outcome === "late")
          logger.warn({ type: next.definition.name }, "a teardown takes too long: not waited for");
      }
      ended.abort();
    }
    this.#closed = true;
  }

  /** Concurrent attempts share one setup; if it fails, the next attempt runs it again. */
  #get(setup: Setup): Promise<unknown> {
    if (setup.made === undefined) {
      const made = this.#setUp(setup.definition);
      setup.made = made;
      made.catch(() => {
        delete setup.made;
      });
    }
    return setup.made;
  }

  async #setUp(definition: HandlerDefinition): Promise<unknown> {
    const services = await this.#parts.code.run(() => definition.setup?.());
    if (this.#closed) void this.#tearDown({ definition, services });
    else this.#open.push({ definition, services });
    return services;
  }

  /** Never rejects. */
  async #tearDown(open: { readonly definition: HandlerDefinition; readonly services: unknown }): Promise<void> {
    const { definition, services } = open;
    try {
      await this.#parts.code.run(() => definition.teardown?.(services));
    } catch (error) {
      this.#parts.logger.error({ type: definition.name, err: loggable(error) }, "the teardown of a handler failed");
    }
  }
}

type CustomAdapters = Parameters<typeof routeInput>[0]["customAdapters"];

/** A handler, with what a worker keeps for it between attempts: codecs of its schemas, and its services. */
export class HandlerRuntime {
  readonly definition: HandlerDefinition;
  readonly args: WireCodec | undefined;
  readonly input: WireCodec | undefined;
  readonly output: WireCodec;
  readonly result: WireCodec | undefined;
  readonly habits: LogAccess;
  readonly #inputs = new WeakMap<NodePlan, InputPlan>();
  /** `undefined` for a handler without a `setup`. */
  readonly services: (() => Promise<unknown>) | undefined;

  /** Keyed by the JSON of its schemas in a graph, since each task has its own copy of the graph. */
  readonly #changes = new Map<string, HandlerChange>();
  readonly #changeOf = new WeakMap<Graph, HandlerChange>();

  constructor(definition: HandlerDefinition, services: WorkerServices) {
    this.definition = definition;
    this.args = codecOf(definition.args);
    this.input = codecOf(definition.input);
    this.output = new WireCodec(definition.output);
    this.result = codecOf(definition.result);
    this.habits = { resumes: definition.resumable, rereads: definition.finalize !== undefined };
    this.services = services.of(definition);
  }

  /**
   * Whether its input or output contradicts the schemas that a graph was compiled with: the task was created with
   * another version.
   */
  changeSince(graph: Graph): HandlerChange {
    let change = this.#changeOf.get(graph);
    if (change === undefined) {
      const { name, input, output } = this.definition;
      const declared = Object.hasOwn(graph.schemas ?? {}, name) ? graph.schemas?.[name] : undefined;
      const text = JSON.stringify(declared ?? {});
      change = this.#changes.get(text) ?? {
        input: contradictions("", { input }, declared).length > 0,
        // A wider output is allowed: it may contain new values rarely, and its readers check them.
        output: contradictions("", { output }, declared).length > 0 && !isWider(output, declared?.output),
      };
      if (this.#changes.size >= keptVersions) this.#changes.clear();
      this.#changes.set(text, change);
      this.#changeOf.set(graph, change);
    }
    return change;
  }

  /**
   * Why a node cannot run with this version of its handler: its sources, in any version, store what the handler does
   * not accept, or the handler stores what a reader in the same worker does not accept. Values of arguments and stored
   * data are checked separately.
   */
  misfit(
    graph: Graph,
    nodeId: string,
    { handlers, inputAdapters }: Pick<WorkerParts, "handlers" | "inputAdapters">,
  ): string | undefined {
    const { input, output } = this.changeSince(graph);
    if (!input && !output) return undefined;
    const definitions = { handlers: [...handlers.values()], adapters: [...inputAdapters.values()] };
    const now = misfitsWith(graph, definitions);
    const isMisfit = now.some(({ to }) => to === nodeId);
    const read = isMisfit ? misfitsWith(graph, definitions, () => "all").filter(({ to }) => to === nodeId) : [];
    const served = new Set(graph.nodes.flatMap(({ node_id: id, type }) => (handlers.has(type) ? [id] : [])));
    const stored = output ? now.filter(({ from, to }) => from.includes(nodeId) && served.has(to)) : [];
    const found = [...read, ...stored].map(({ message }) => message);
    return found.length === 0 ? undefined : found.join("; ");
  }

  /**
   * Where the batches of a node come from.
   *
   * @throws AttemptError `bad_input_adapter` or `bad_input_args`
   */
  inputOf(node: NodePlan, of: { readonly plan: Plan; readonly customAdapters: CustomAdapters }): InputPlan {
    const known = this.#inputs.get(node);
    if (known !== undefined) return known;
    const { definition } = this;
    const input = routeInput({ node, handler: definition, ...of });
    // User code receives its own copy of the arguments for each attempt.
    const { adapter } = node.routing ?? definition.inputAdapter ?? {};
    if (adapter === undefined || !of.customAdapters.has(adapterName(adapter))) this.#inputs.set(node, input);
    return input;
  }
}

interface HandlerChange {
  readonly input: boolean;
  readonly output: boolean;
}

function isWider(output: HandlerDefinition["output"], declared: JsonObject | undefined): boolean {
  return (
    declared !== undefined && mismatchText(readSchema(declared), storedType(output), new Assignability()) === undefined
  );
}

/** Only few versions of a flow run at a time. */
const keptVersions = 100;

function codecOf(schema: HandlerDefinition["input"]): WireCodec | undefined {
  return schema === undefined ? undefined : new WireCodec(schema);
}
