import type { HandlerDefinition } from "../../../definitions/index.ts";
import { WireCodec } from "../../codec/index.ts";
import type { LogAccess } from "../../model/records.ts";
import type { Clock, HandlerGate, WorkerStore } from "../../ports/index.ts";
import { isPromiseLike } from "./attempt-handle.ts";

/** Runs handler code through the gate of a store that has one. Without one, code is called as it is. */
export class HandlerCode {
  readonly #gate: HandlerGate | undefined;

  constructor(store: WorkerStore) {
    // By `in`: a wrapper around a store without a gate may answer any name with a method.
    this.#gate = "handlerGate" in store ? store.handlerGate : undefined;
  }

  /** A promise only where the code returns one or has to wait: most handlers are synchronous, and a tick a batch shows. */
  run<T>(code: () => T): T | Promise<Awaited<T>> {
    const gate = this.#gate;
    if (gate === undefined) return code();
    const open = gate.enter();
    return open === undefined ? entered(gate, code) : waited(gate, open, code);
  }

  /** The same batches, where each step of the iterator is handler code. */
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
  // In a loop: whoever went on before may have written again.
  for (let locked: Promise<void> | undefined = open; locked !== undefined; locked = gate.enter()) await locked;
  return await entered(gate, code);
}

function entered<T>(gate: HandlerGate, code: () => T): T | Promise<Awaited<T>> {
  let running: Promise<Awaited<T>> | undefined;
  const leave = () => gate.leave();
  try {
    const result = code();
    if (!isPromiseLike(result)) return result;
    running = Promise.resolve(result); // called once: a query builder runs its query at each `then`
    return running;
  } finally {
    if (running === undefined) leave();
    else running.then(leave, leave); // also where nobody waits any longer: abandoned code still runs
  }
}

const sliceMs = 8;

/**
 * Keeps one process fair. Handlers that never wait run as one long chain of microtasks, in which no timer fires and no
 * socket is read: leases would run out and cancels go unheard. After a slice of time everybody who calls `pause` waits
 * for the same turn of the event loop.
 */
export class EventLoopYielder {
  readonly #clock: Clock;
  #since: number;
  #turn: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** `undefined`: the slice isn't over, go on without waiting. */
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

/** A handler with what a worker keeps of it between attempts: codecs of its schemas, and that `init` has run. */
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

  /** Runs `init` once a worker; after a failure the next attempt tries again. */
  init(): Promise<void> {
    if (this.#ready === undefined) {
      const ready = this.#init();
      this.#ready = ready;
      // Not within `#init`: one that throws at once would forget it before it is remembered.
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
