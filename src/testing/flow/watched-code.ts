import type {
  AttemptContext,
  BatchContext,
  CoordinatorFunctionDefinition,
  HandlerDefinition,
} from "../../definitions/index.ts";
import type { ProcessLife } from "../scheduler/scheduler.ts";
import type { OpenCalls } from "./open-calls.ts";

/** Wraps the handlers of a process so that calls that have not returned are tracked. */
export function watchedHandlers(
  handlers: readonly HandlerDefinition[],
  life: ProcessLife,
  calls: OpenCalls,
): HandlerDefinition[] {
  const setups = new Map<HandlerDefinition["setup"], () => unknown>();
  return handlers.map((handler) => {
    const { setup } = handler;
    if (setup === undefined) return watched(handler, life, calls);
    const followed = () => {
      const made = setup.call(handler);
      if (made instanceof Promise) calls.follow(life, nameOf(`handler '${handler.name}'`, "setup", undefined), made);
      return made;
    };
    // Handlers with the same function share what it returns: they need the same wrapper.
    const isOwn = Object.hasOwn(handler, "setup");
    const shared = (isOwn ? setups.get(setup) : undefined) ?? followed;
    if (isOwn) setups.set(setup, shared);
    return Object.create(watched(handler, life, calls), { setup: { value: shared } });
  });
}

function watched(handler: HandlerDefinition, life: ProcessLife, calls: OpenCalls): HandlerDefinition {
  const follow = <T>(method: string, ctx: Partial<BatchContext> | undefined, result: T): T => {
    if (result instanceof Promise) calls.follow(life, nameOf(`handler '${handler.name}'`, method, ctx), result);
    return result;
  };
  const { loadInput, iterBatches, processBatch, finalize } = handler;
  return Object.create(handler, {
    ...method(
      loadInput && {
        loadInput: (args: unknown, ctx: AttemptContext) => follow("loadInput", ctx, loadInput.call(handler, args, ctx)),
      },
    ),
    ...method(
      iterBatches && {
        iterBatches(args: unknown, ctx: AttemptContext) {
          const batches = iterBatches.call(handler, args, ctx);
          if (!(Symbol.asyncIterator in batches)) return batches;
          return watchedBatches(batches, (next) => follow("iterBatches", ctx, next));
        },
      },
    ),
    ...method(
      processBatch && {
        processBatch: (payload: unknown, ctx: BatchContext) =>
          follow("processBatch", ctx, processBatch.call(handler, payload, ctx)),
      },
    ),
    ...method(
      finalize && {
        finalize: (ctx: Parameters<typeof finalize>[0]) => follow("finalize", ctx, finalize.call(handler, ctx)),
      },
    ),
  });
}

/** Wraps a function so that calls that have not returned are tracked. */
export function watchedFunction(
  fn: CoordinatorFunctionDefinition,
  life: ProcessLife,
  calls: OpenCalls,
): CoordinatorFunctionDefinition {
  return Object.create(fn, {
    ...method({
      run(ctx: Parameters<CoordinatorFunctionDefinition["run"]>[0]) {
        const result = fn.run(ctx);
        if (result instanceof Promise) calls.follow(life, nameOf(`function '${fn.name}'`, "run", ctx), result);
        return result;
      },
    }),
  });
}

function watchedBatches<T>(batches: AsyncIterable<T>, follow: <R>(next: R) => R): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = batches[Symbol.asyncIterator]();
      return {
        next: () => follow(iterator.next()),
        // `never`: in the closure, the compiler no longer knows that `return` is defined.
        ...(iterator.return === undefined ? {} : { return: () => follow(iterator.return?.()) as never }),
      };
    },
  };
}

/** A property descriptor for `Object.create`. */
function method(property: Readonly<Record<string, unknown>> | undefined): PropertyDescriptorMap {
  return Object.fromEntries(Object.entries(property ?? {}).map(([name, value]) => [name, { value }]));
}

function nameOf(
  what: string,
  method: string,
  ctx: { readonly nodeId?: string; readonly uid?: string } | undefined,
): string {
  if (ctx?.nodeId === undefined) return `${method} of ${what}`;
  const batch = ctx.uid === undefined ? "" : `, batch '${ctx.uid}'`;
  return `${method} of ${what} (node '${ctx.nodeId}'${batch})`;
}
