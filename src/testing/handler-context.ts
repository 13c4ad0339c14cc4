import { type BatchContext, type HandlerDefinition, type Metrics, silentLogger } from "../definitions/index.ts";
import { FlowError, type Json } from "../errors/index.ts";
import type { HandlerList } from "./flow/run-code.ts";

/** A context for calling a handler's methods directly, which records what they did. */
export interface TestedContext<TServices = unknown> extends BatchContext<unknown, unknown, TServices> {
  /** The metrics that the method added. */
  readonly measured: Metrics;
  /** Runs the callbacks registered with `onCleanup`, last one first. */
  cleanUp(): Promise<void>;
}

/**
 * Creates a `ctx` for calling a handler's method directly in a test; `given` overrides any part of it.
 *
 * @example
 * const ctx = handlerContext({ args: { factor: 2 } })
 * await convert.processBatch?.({ amount: 21 }, ctx) // { amount: 42 }
 * ctx.measured // { rows: 1 }
 *
 * @example
 * handlerContext<typeof price>({ services: { rateOf: async () => 2 } }) // compiles only with what `setup` of `price` returns
 */
export function handlerContext<
  THandler extends { readonly $infer: { readonly services: unknown } } = {
    readonly $infer: { readonly services: unknown };
  },
>(
  given: Partial<BatchContext<unknown, unknown, THandler["$infer"]["services"]>> = {},
): TestedContext<THandler["$infer"]["services"]> {
  const { taskId = "task", nodeId = "node", uid = "0" } = given;
  const measured: Record<string, number> = {};
  const cleanups: (() => void | Promise<void>)[] = [];
  let saved: Json | undefined;
  const { signal = new AbortController().signal } = given;
  return {
    taskId,
    nodeId,
    uid,
    epoch: 1,
    tries: 1,
    shard: 0,
    args: {},
    params: {},
    services: undefined,
    loaded: undefined,
    traceparent: undefined,
    signal,
    logger: silentLogger,
    idempotencyKey: `${taskId}:${nodeId}:${uid}`,
    remainingMs: () => undefined,
    vars: async () => ({}),
    progress() {},
    heartbeat: async () => signal.throwIfAborted(),
    onCleanup: (cleanup) => void cleanups.push(cleanup),
    checkpoint: {
      get: async () => structuredClone(saved),
      set: async (value) => {
        saved = structuredClone(value);
      },
    },
    metrics: {
      add(name, value) {
        measured[name] = (measured[name] ?? 0) + value;
      },
    },
    ...given,
    measured,
    async cleanUp() {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    },
  };
}

/**
 * Returns the same handlers with fakes instead of what their `setup` would return; nothing is set up or torn down for
 * these. A fake has the type that `setup` returns: `setup: (): Pick<Pool, "query"> => new Pool()` asks for `query` only.
 *
 * @example
 * const handlers = withServices(etl.handlers, { save: { query: async () => [] } })
 * await using engine = await createEngine({ handlers })
 *
 * @param services - the fakes, by the names of handlers
 * @throws FlowError `HANDLER_INVALID` for a name that is not one of a handler with a `setup`
 */
export function withServices<THandlers extends HandlerList>(
  handlers: THandlers,
  services: FakesFor<THandlers>,
): THandlers {
  const fakes = new Map<string, unknown>(Object.entries(services));
  const all = Object.values<HandlerDefinition>(handlers);
  for (const name of fakes.keys()) {
    const handler = all.find((each) => each.name === name);
    if (handler?.setup !== undefined) continue;
    const problem = handler === undefined ? `no handler '${name}'` : `handler '${name}' has no setup`;
    throw new FlowError("HANDLER_INVALID", `withServices: ${problem}`);
  }
  const faked = (handler: HandlerDefinition): HandlerDefinition =>
    fakes.has(handler.name)
      ? Object.create(handler, { setup: { value: () => fakes.get(handler.name) }, teardown: { value: undefined } })
      : handler;
  const replaced = Array.isArray(handlers)
    ? all.map(faked)
    : Object.fromEntries(Object.entries<HandlerDefinition>(handlers as never).map(([key, each]) => [key, faked(each)]));
  return replaced as THandlers; // the same names and schemas
}

/** A fake for each of these handlers that has a `setup`, by its name, of the type that `setup` returns. */
export type FakesFor<THandlers extends HandlerList> = {
  readonly [THandler in THandlers extends readonly HandlerDefinition[]
    ? THandlers[number]
    : Extract<THandlers[keyof THandlers], HandlerDefinition> as THandler["name"]]?: THandler extends {
    readonly $infer: { readonly services: infer TServices };
  }
    ? TServices
    : unknown;
};
