/** Time as the engine knows it: a simulation has one that it runs itself. */
export interface Clock {
  /** Milliseconds since 1970: for people, never for decisions. */
  now(): number;
  /** Milliseconds that only grow. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Lets timers and I/O of this process have their turn. */
  yield(): Promise<void>;
}
