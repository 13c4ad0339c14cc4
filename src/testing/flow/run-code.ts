import { taskParams } from "../../core/coordinator/new-task.ts";
import type { GraphInput, UntypedFlow } from "../../core/tasks/api.ts";
import {
  builtInCoordinatorFns,
  type CoordinatorFunctionDefinition,
  type FlowDefinition,
  type FlowTypes,
  type HandlerDefinition,
  type InputAdapterDefinition,
} from "../../definitions/index.ts";
import { type Graph, parseGraph, resolveParams } from "../../graph/index.ts";
import type { TaskRequest, Workload } from "../cluster/workload.ts";
import type { OpenCalls } from "./open-calls.ts";
import { type SimulatedProcess, simulatedProcess } from "./process-tools.ts";
import { watched, watchedFunction } from "./watched-code.ts";

/** Handlers as `createEngine` takes them. */
export type HandlerList = readonly HandlerDefinition[] | Readonly<Record<string, HandlerDefinition>>;

/** What is simulated: a flow, and the code that its nodes run. */
export interface FlowToRun<TTypes extends FlowTypes = UntypedFlow, TOutside = unknown> {
  /** A flow, or a graph JSON. */
  readonly flow: Pick<FlowDefinition<TTypes>, "$infer" | "compile"> | GraphInput;
  readonly params?: NoInfer<TTypes["params"]>;
  /**
   * What is outside of all processes, such as a database: made once a run, it survives their crashes.
   *
   * @example
   * { outside: () => ({ rows: new Map<string, Row>() }) }
   */
  readonly outside?: () => TOutside;
  /**
   * Handlers, beside the flow's own or in place of those of the same names. A function makes them for each process
   * anew, so that what they keep to themselves dies with it, as it would in a real one.
   *
   * @example
   * { handlers: ({ sleep, outside, call }) => [loader({ insert: (row) => call("insert", () => outside.rows.set(row.id, row)) })] }
   */
  readonly handlers?: HandlerList | ((process: SimulatedProcess<NoInfer<TOutside>>) => HandlerList);
  /** Beside the flow's own. */
  readonly inputAdapters?: readonly InputAdapterDefinition[];
  /** Beside the flow's own. */
  readonly coordinatorFns?: readonly CoordinatorFunctionDefinition[];
}

/** A flow, checked once, of which any number of runs can be made. */
export class RunnableCode {
  /** With its parameters put in: as a task of it is stored. */
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
        this.#handlers(simulatedProcess(tools, { outside, calls })).map((each) => watched(each, tools.life, calls)),
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

  /** Handlers that never run, for what is to be known of them before. */
  #sample(): readonly HandlerDefinition[] {
    const never = () => new Promise<never>(() => {});
    const outside = this.newOutside();
    return this.#handlers({ name: "sample", outside, sleep: never, call: never, now: () => 0, random: () => 0 });
  }
}
