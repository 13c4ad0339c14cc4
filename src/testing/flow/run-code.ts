import { taskParams } from "../../core/coordinator/new-task.ts";
import type { GraphInput, UntypedFlow } from "../../core/tasks/api.ts";
import type { FlowDefinition, FlowTypes } from "../../definitions/flow.ts";
import {
  builtInCoordinatorFns,
  type CoordinatorFunctionDefinition,
  type HandlerDefinition,
  type InputAdapterDefinition,
} from "../../definitions/index.ts";
import { type Graph, parseGraph, resolveParams } from "../../graph/index.ts";
import type { ProcessTools, TaskRequest, Workload } from "../cluster/workload.ts";
import type { OpenCalls } from "./open-calls.ts";
import { watchedFunction, watchedHandlers } from "./watched-code.ts";

/** One simulated process, as its handlers see it. */
export interface SimulatedProcess<TOutside = unknown> {
  /** For example `"w1#2"`: worker w1 after its first restart. */
  readonly name: string;
  /** State outside all processes; see the option `outside`. */
  readonly outside: TOutside;
  /** Waits in virtual time, which takes no real time; never resolves if the process crashes meanwhile. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** The process's clock, in ms. Clocks of different processes drift apart. */
  now(): number;
  /** A random number in [0, 1), determined by the seed. */
  random(): number;
  /**
   * An external request: `work` runs some time after the call, and its answer arrives some time after that. The process
   * may crash in between, and a request in flight may arrive after its sender has crashed.
   *
   * @example
   * await call("insert", () => outside.rows.push(row))
   */
  call<T>(name: string, work: () => T): Promise<T>;
}

function simulatedProcess<TOutside>(
  { life, clock, random, scheduler }: ProcessTools,
  { outside, calls }: { readonly outside: TOutside; readonly calls: OpenCalls },
): SimulatedProcess<TOutside> {
  return {
    name: life.name,
    outside,
    sleep: (ms, signal) => calls.virtually(life, () => clock.sleep(ms, signal)),
    now: clock.monotonic,
    random: random.next,
    call: (name, work) =>
      calls.virtually(life, async () => {
        await scheduler.park(life, `call ${name}`, { request: true });
        scheduler.recordEvent(
          () => `${life.name}\tcalls ${name}${life.alive ? "" : ", which arrives after the crash"}`,
        );
        const answer = work();
        await scheduler.park(life, `call ${name} ->`);
        return answer;
      }),
  };
}

/** Handlers, in the forms that `createEngine` accepts. */
export type HandlerList = readonly HandlerDefinition[] | Readonly<Record<string, HandlerDefinition>>;

/** The flow to simulate, and the code of its nodes. */
export interface FlowToRun<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown> {
  /** A flow, or a graph JSON. */
  readonly flow: Pick<FlowDefinition<TTypes>, "$infer" | "compile"> | GraphInput;
  readonly params?: NoInfer<TTypes["params"]>;
  /**
   * Creates the state outside all processes, such as a database, once per run. It survives their crashes.
   *
   * @example
   * { outside: () => ({ rows: new Map<string, Row>() }) }
   */
  readonly outside?: () => TOutside;
  /**
   * Handlers in addition to the flow's own; they replace those with the same names. A function is called for each
   * process, so that state kept in handlers is lost when it crashes, as in reality.
   *
   * @example
   * { handlers: ({ sleep, outside, call }) => [loader({ insert: (row) => call("insert", () => outside.rows.set(row.id,
   * row)) })] }
   */
  readonly handlers?: HandlerList | ((process: SimulatedProcess<NoInfer<TOutside>>) => HandlerList);
  /** In addition to the flow's own. */
  readonly inputAdapters?: readonly InputAdapterDefinition[];
  /** In addition to the flow's own. */
  readonly coordinatorFns?: readonly CoordinatorFunctionDefinition[];
}

/** A flow that is validated once and run any number of times. */
export class RunnableCode {
  /** With parameters resolved, as stored with a task. */
  readonly graph: Graph;
  readonly #request: TaskRequest;
  readonly #given: FlowToRun;
  readonly #own: Partial<FlowDefinition>;
  readonly #functions: readonly CoordinatorFunctionDefinition[];
  readonly #inputAdapters: readonly InputAdapterDefinition[];

  /** @throws FlowError `GRAPH_INVALID`, `PARAMS_INVALID` */
  constructor(given: FlowToRun) {
    this.#given = given;
    const own: Partial<FlowDefinition> = "compile" in given.flow ? (given.flow as FlowDefinition) : {};
    this.#own = own;
    this.#functions = [...builtInCoordinatorFns, ...(own.coordinatorFns ?? []), ...(given.coordinatorFns ?? [])];
    this.#inputAdapters = [...(own.inputAdapters ?? []), ...(given.inputAdapters ?? [])];
    const graph = parseGraph("compile" in given.flow ? (given.flow as FlowDefinition).compile() : given.flow, {
      types: this.#sample().map(({ name }) => name),
      functions: this.#functions,
      adapters: this.#inputAdapters,
    });
    const { params } = given;
    this.graph = resolveParams(graph, taskParams({ params, schema: own.paramsSchema, graph }));
    this.#request = { graph, params, paramsSchema: own.paramsSchema };
  }

  workload(outside: unknown, calls: OpenCalls): Workload {
    const sample = this.#sample();
    const types = sample.map(({ name }) => name);
    const finalizing = new Set(sample.flatMap(({ name, finalize }) => (finalize === undefined ? [] : name)));
    const unresumable = new Set(sample.flatMap(({ name, resumable }) => (resumable ? [] : name)));
    return {
      tasks: [this.#request],
      types,
      fewTypes: types,
      inputAdapters: this.#inputAdapters,
      isResumable: (type) => !unresumable.has(type),
      hasFinalize: (type) => finalizing.has(type),
      isKnown: false,
      handlersFor: (tools) =>
        watchedHandlers(this.#handlers(simulatedProcess(tools, { outside, calls })), tools.life, calls),
      functionsFor: ({ life }) => this.#functions.map((fn) => watchedFunction(fn, life, calls)),
    };
  }

  newOutside(): unknown {
    return this.#given.outside?.();
  }

  #handlers(process: SimulatedProcess): HandlerDefinition[] {
    const { handlers = [] } = this.#given;
    const list: HandlerList = typeof handlers === "function" ? handlers(process) : handlers;
    const given: readonly HandlerDefinition[] = Array.isArray(list) ? list : Object.values(list);
    const all = [...Object.values(this.#own.handlers ?? {}), ...given];
    return [...new Map(all.map((handler) => [handler.name, handler])).values()];
  }

  /** Handlers that never run, used to learn their names and properties. */
  #sample(): readonly HandlerDefinition[] {
    const never = () => new Promise<never>(() => {});
    const outside = this.newOutside();
    return this.#handlers({ name: "sample", outside, sleep: never, call: never, now: () => 0, random: () => 0 });
  }
}
