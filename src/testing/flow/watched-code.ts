import type {
  AttemptContext,
  BatchContext,
  CoordinatorFunctionDefinition,
  HandlerDefinition,
} from "../../definitions/index.ts";
import type { ProcessLife } from "../scheduler/scheduler.ts";
import type { OpenCalls } from "./open-calls.ts";

/** Wraps a handler so that calls that have not returned are tracked. */
export function watched(handler: HandlerDefinition, life: ProcessLife, calls: OpenCalls): HandlerDefinition {
  const follow = <T>(method: string, ctx: Partial<BatchContext> | undefined, result: T): T => {
    if (result instanceof Promise) calls.follow(life, nameOf(`handler '${handler.name}'`, method, ctx), result);
    return result;
  };
  const { init, loadInput, iterBatches, processBatch, finalize } = handler;
  return Object.create(handler, {
    ...method(init && { init: () => follow("init", undefined, init.call(handler)) }),
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
