import type { HandlerGate, WorkerStore } from "../../ports/index.ts";
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
