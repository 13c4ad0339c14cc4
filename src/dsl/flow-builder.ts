import type { $ZodType } from "zod/v4/core";
import type { CoordinatorFunctionDefinition, HandlerDefinition, InputAdapterDefinition } from "../definitions/index.ts";
import { FlowError } from "../errors/index.ts";
import { type Graph, primeGraph } from "../graph/index.ts";
import { say } from "../graph/messages.ts";
import { compileFlow } from "./compile-flow.ts";
import { type FlowHead, handlerOf, ownFnOf, type Step, type StepOptions } from "./step.ts";
import type { CompileOptions } from "./types/flow-types.ts";

type GivenOptions = Partial<StepOptions> | undefined;

/**
 * The run time behind the interface `Flow`: a list of steps linked backwards, so that adding one costs the same
 * however long the flow is, and flows that share a beginning share it in memory too.
 */
export class FlowBuilder {
  readonly #head: FlowHead;
  readonly #previous: FlowBuilder | undefined;
  readonly #step: Step | undefined;
  readonly #compiled = new Map<string, Graph>();
  #steps: readonly Step[] | undefined;
  #handlers: Readonly<Record<string, HandlerDefinition>> | undefined;

  constructor(head: FlowHead, last: { readonly previous: FlowBuilder; readonly step: Step } | undefined) {
    this.#head = head;
    this.#previous = last?.previous;
    this.#step = last?.step;
  }

  get paramsSchema(): $ZodType | undefined {
    return this.#head.paramsSchema;
  }

  get inputAdapters(): readonly InputAdapterDefinition[] {
    return this.#head.inputAdapters;
  }

  get handlers(): Readonly<Record<string, HandlerDefinition>> {
    this.#handlers ??= Object.freeze(
      Object.fromEntries(
        this.#allSteps().flatMap((step) => {
          const handler = handlerOf(step);
          return handler === undefined ? [] : [[handler.name, handler]];
        }),
      ),
    );
    return this.#handlers;
  }

  get coordinatorFns(): readonly CoordinatorFunctionDefinition[] {
    const fns = this.#allSteps().flatMap((step) => ownFnOf(step) ?? []);
    return [...new Set(fns)];
  }

  node(id: string, handler: HandlerDefinition, options?: GivenOptions): FlowBuilder {
    return this.#add({ kind: "node", id, handler, options: { after: [], ...options } });
  }

  then(id: string, handler: HandlerDefinition, options?: GivenOptions): FlowBuilder {
    if (typeof id === "function") throw new FlowError("FLOW_AWAITED", say("flowAwaited", {}));
    const previous = this.#step === undefined ? [] : [this.#step.id];
    return this.#add({ kind: "node", id, handler, options: { after: previous, ...options } });
  }

  next(id: string, handler: HandlerDefinition, options?: GivenOptions): FlowBuilder {
    return this.then(id, handler, options);
  }

  fn(id: string, fn: string | CoordinatorFunctionDefinition, options?: GivenOptions): FlowBuilder {
    return this.#add({ kind: "fn", id, fn, options: { after: [], ...options } });
  }

  compile(options: CompileOptions = {}): Graph {
    const { primed = false, schemas = false } = options;
    const key = `${primed} ${schemas}`;
    let graph = this.#compiled.get(key);
    if (graph === undefined) {
      graph = primed
        ? primeGraph(this.compile({ schemas }))
        : compileFlow({ head: this.#head, steps: this.#allSteps(), schemas });
      this.#compiled.set(key, graph);
    }
    return graph;
  }

  #add(step: Step): FlowBuilder {
    return new FlowBuilder(this.#head, { previous: this, step });
  }

  /** In the order of their declaration. A loop, since flows may be longer than the call stack is deep. */
  #allSteps(): readonly Step[] {
    if (this.#steps === undefined) {
      const steps: Step[] = [];
      for (let at: FlowBuilder | undefined = this; at !== undefined; at = at.#previous) {
        if (at.#step !== undefined) steps.push(at.#step);
      }
      this.#steps = steps.reverse();
    }
    return this.#steps;
  }
}
