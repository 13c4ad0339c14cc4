import type { CoordinatorFunctionDefinition, HandlerDefinition, InputAdapterDefinition } from "../definitions/index.ts";
import { type ChainStep, type FlowHead, handlerOf, ownFnOf } from "./step.ts";

/** The code that a flow's nodes run, that of its parts included. */
export interface Definitions {
  readonly handlers: Readonly<Record<string, HandlerDefinition>>;
  readonly inputAdapters: readonly InputAdapterDefinition[];
  readonly coordinatorFns: readonly CoordinatorFunctionDefinition[];
}

export function definitionsIn(head: FlowHead, steps: readonly ChainStep[]): Definitions {
  const handlers = new Map<string, HandlerDefinition>();
  const inputAdapters = new Set(head.inputAdapters);
  const coordinatorFns = new Set<CoordinatorFunctionDefinition>();
  for (const step of steps) {
    if (step.kind === "use") {
      for (const handler of Object.values(step.flow.handlers)) handlers.set(handler.name, handler);
      for (const adapter of step.flow.inputAdapters) inputAdapters.add(adapter);
      for (const fn of step.flow.coordinatorFns) coordinatorFns.add(fn);
    } else {
      const handler = handlerOf(step);
      if (handler !== undefined) handlers.set(handler.name, handler);
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
