import type { HandlerDefinition } from "../../../definitions/index.ts";
import { WireCodec } from "../../codec/index.ts";
import type { LogAccess } from "../../model/records.ts";
import type { Clock, HandlerGate, WorkerStore } from "../../ports/index.ts";
import { isPromiseLike } from "./attempt-handle.ts";

/** Runs handler code through the gate of the store, if it has one. */
export class HandlerCode {
  readonly #gate: HandlerGate | undefined;

  constructor(store: WorkerStore) {
    // Checked by `in`: a wrapper around a store without a gate may return a method for any name.
    this.#gate = "handlerGate" in store ? store.handlerGate : undefined;
  }

  /**
   * Returns a promise only if the code does or has to wait: most handlers are synchronous, and a tick per batch is
   * measurable.
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
    else running.then(leave, leave); // also after the wait was abandoned, since the code still runs
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

/**
 * A handler, with the state that a worker keeps between attempts: codecs of its schemas, and whether `init` has run.
 */
export class HandlerRuntime {
  readonly definition: HandlerDefinition;
  readonly args: WireCodec | undefined;
  readonly input: WireCodec | undefined;
  readonly output: WireCodec;
  readonly result: WireCodec | undefined;
  readonly habits: LogAccess;
  #ready: Promise<void> | undefined;

  constructor(definition: HandlerDefinition) {
    this.definition = definition;
    this.args = codecOf(definition.args);
    this.input = codecOf(definition.input);
    this.output = new WireCodec(definition.output);
    this.result = codecOf(definition.result);
    this.habits = { resumes: definition.resumable, rereads: definition.finalize !== undefined };
  }

  get needsInit(): boolean {
    return this.definition.init !== undefined;
  }

  /** Runs `init` once per worker; if it fails, the next attempt runs it again. */
  init(): Promise<void> {
    if (this.#ready === undefined) {
      const ready = this.#init();
      this.#ready = ready;
      // Not inside `#init`: an `init` that throws synchronously would clear `#ready` before it is set.
      ready.catch(() => {
        this.#ready = undefined;
      });
    }
    return this.#ready;
  }

  async #init(): Promise<void> {
    await this.definition.init?.();
  }
}

function codecOf(schema: HandlerDefinition["input"]): WireCodec | undefined {
  return schema === undefined ? undefined : new WireCodec(schema);
}
