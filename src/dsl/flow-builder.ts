import type { $ZodType } from "zod/v4/core";
import type {
  CoordinatorFunctionDefinition,
  FlowDefinition,
  HandlerDefinition,
  InputAdapterDefinition,
} from "../definitions/index.ts";
import { FlowError } from "../errors/index.ts";
import { formatMessage } from "../graph/format/messages.ts";
import { type Graph, primeGraph } from "../graph/index.ts";
import { compileFlow, flowViewOf, withSchemas } from "./compile-flow.ts";
import { type FlowView, flowView, lastIds } from "./model/flow-view.ts";
import {
  type ChainStep,
  type FlowHead,
  handlerOf,
  ownFnOf,
  type StepOptions,
  subflowOf,
  type UseOptions,
} from "./model/step.ts";
import { waitStep } from "./node-json.ts";
import type { CompileOptions } from "./types/flow-types.ts";

type GivenOptions = Partial<StepOptions> | undefined;

/**
 * Implements the interface `Flow` as a linked list of steps, each of which points to the one before it: adding a step takes
 * constant time, and flows with a common prefix share it in memory.
 */
export class FlowBuilder {
  readonly #head: FlowHead;
  readonly #previous: FlowBuilder | undefined;
  readonly #step: ChainStep | undefined;
  readonly #compiled = new Map<string, Graph>();
  #steps: readonly ChainStep[] | undefined;
  #known: Definitions | undefined;
  #view: FlowView | undefined;

  constructor(head: FlowHead, last: { readonly previous: FlowBuilder; readonly step: ChainStep } | undefined) {
    this.#head = head;
    this.#previous = last?.previous;
    this.#step = last?.step;
  }

  get paramsSchema(): $ZodType | undefined {
    return this.#head.paramsSchema;
  }

  get inputAdapters(): readonly InputAdapterDefinition[] {
    return this.#definitions().inputAdapters;
  }

  get handlers(): Readonly<Record<string, HandlerDefinition>> {
    return this.#definitions().handlers;
  }

  get coordinatorFns(): readonly CoordinatorFunctionDefinition[] {
    return this.#definitions().coordinatorFns;
  }

  /** The view that an outer flow reads when it uses this flow as a subflow. */
  get [flowView](): FlowView {
    this.#view ??= flowViewOf(this.#head, this.#allSteps());
    return this.#view;
  }

  node(id: string, handler: HandlerDefinition, options?: GivenOptions): FlowBuilder {
    return this.#add({ kind: "node", id, handler, options: { after: [], ...options } });
  }

  then(id: string, handler: HandlerDefinition, options?: GivenOptions): FlowBuilder {
    if (typeof id === "function") throw new FlowError("FLOW_AWAITED", formatMessage("flowAwaited", {}));
    return this.#add({ kind: "node", id, handler, options: { after: this.#last(), ...options } });
  }

  next(id: string, handler: HandlerDefinition, options?: GivenOptions): FlowBuilder {
    return this.then(id, handler, options);
  }

  fn(id: string, fn: string | CoordinatorFunctionDefinition, options?: GivenOptions): FlowBuilder {
    return this.#add({ kind: "fn", id, fn, options: { after: [], ...options } });
  }

  wait(id: string, options?: object): FlowBuilder {
    return this.#add(waitStep(id, options));
  }

  exhaustive(source: string, key: string): FlowBuilder {
    const head = { ...this.#head, cases: [...(this.#head.cases ?? []), { source, key }] };
    return new FlowBuilder(head, this.#previous && this.#step && { previous: this.#previous, step: this.#step });
  }

  use(prefix: string, flow: FlowDefinition, options?: UseOptions): FlowBuilder {
    return this.#add({ kind: "use", id: prefix, flow, options: { ...options } });
  }

  compile(options: CompileOptions = {}): Graph {
    const { primed = false, schemas = false } = options;
    const key = `${primed} ${schemas}`;
    let graph = this.#compiled.get(key);
    if (graph === undefined) {
      const flow = { head: this.#head, view: this[flowView] };
      if (primed) graph = primeGraph(this.compile({ schemas }));
      else if (schemas) graph = withSchemas(this.compile(), flow);
      else graph = compileFlow({ ...flow, adapters: () => this.inputAdapters });
      this.#compiled.set(key, graph);
    }
    return graph;
  }

  #add(step: ChainStep): FlowBuilder {
    return new FlowBuilder(this.#head, { previous: this, step });
  }

  #last(): readonly string[] {
    return this.#step === undefined ? Object.keys(this.#head.inputs ?? {}) : lastIds(this.#step);
  }

  #definitions(): Definitions {
    this.#known ??= definitionsIn(this.#head, this.#allSteps());
    return this.#known;
  }

  /** In declaration order. A loop, because recursion would overflow the call stack on a long flow. */
  #allSteps(): readonly ChainStep[] {
    if (this.#steps === undefined) {
      const steps: ChainStep[] = [];
      for (let at: FlowBuilder | undefined = this; at !== undefined; at = at.#previous) {
        if (at.#step !== undefined) steps.push(at.#step);
      }
      this.#steps = steps.reverse();
    }
    return this.#steps;
  }
}

/** The code that the nodes of a flow and of its subflows run. */
interface Definitions {
  readonly handlers: Readonly<Record<string, HandlerDefinition>>;
  readonly inputAdapters: readonly InputAdapterDefinition[];
  readonly coordinatorFns: readonly CoordinatorFunctionDefinition[];
}

function definitionsIn(head: FlowHead, steps: readonly ChainStep[]): Definitions {
  const handlers = new Map<string, HandlerDefinition>();
  const inputAdapters = new Set(head.inputAdapters);
  const coordinatorFns = new Set<CoordinatorFunctionDefinition>();
  const add = (flow: FlowDefinition): void => {
    for (const handler of Object.values(flow.handlers)) handlers.set(handler.name, handler);
    for (const adapter of flow.inputAdapters) inputAdapters.add(adapter);
    for (const fn of flow.coordinatorFns) coordinatorFns.add(fn);
  };
  for (const step of steps) {
    if (step.kind === "use") {
      add(step.flow);
    } else {
      const handler = handlerOf(step);
      const subflow = subflowOf(handler);
      if (subflow !== undefined) add(subflow.flow);
      else if (handler !== undefined) handlers.set(handler.name, handler);
      const fn = ownFnOf(step);
      if (fn !== undefined) coordinatorFns.add(fn);
    }
  }
  return {
    handlers: Object.freeze(Object.fromEntries(handlers)),
    inputAdapters: Object.freeze([...inputAdapters]),
    coordinatorFns: Object.freeze([...coordinatorFns]),
  };
}
