import { FlowError } from "../../errors/index.ts";
import type { ProcessLife } from "../scheduler/scheduler.ts";

/** A call of user code that has not returned. */
export interface OpenCall {
  readonly life: ProcessLife;
  /** Handler and method, with node and batch if known. */
  readonly name: string;
  readonly settled: Promise<unknown>;
  done: boolean;
  /** It was checked once, and did not continue in real time. */
  excused: boolean;
}

/** Long enough for anything that uses neither a timer nor a socket. */
const shortLookMs = 20;
/** For a call that is known to wait for a real resource. */
const longLookMs = 1_000;

/**
 * Finds handler calls that wait for a real timer, file or socket. None of these makes progress during a simulation, in
 * which only virtual time passes.
 */
export class OpenCalls {
  readonly #calls = new Set<OpenCall>();
  /** Number of waits for virtual time, by process. A process with such a wait is not suspected. */
  readonly #waits = new Map<ProcessLife, number>();
  readonly #before = realResources();
  #found: FlowError | undefined;

  /** The error that stops the run. */
  get found(): FlowError | undefined {
    return this.#found;
  }

  follow<T>(life: ProcessLife, name: string, settled: Promise<T>): void {
    const call: OpenCall = { life, name, settled, done: false, excused: false };
    this.#calls.add(call);
    const end = (): void => {
      call.done = true;
      this.#calls.delete(call);
    };
    settled.then(end, end);
  }

  async virtually<T>(life: ProcessLife, wait: () => Promise<T>): Promise<T> {
    this.#waits.set(life, (this.#waits.get(life) ?? 0) + 1);
    try {
      return await wait();
    } finally {
      this.#waits.set(life, (this.#waits.get(life) ?? 0) - 1);
    }
  }

  /** Called when nothing can run. @returns a wait in real time, if a call may need it */
  look(): Promise<void> | undefined {
    for (const call of this.#calls) {
      if (!call.life.alive) this.#calls.delete(call);
      else if (!call.excused && (this.#waits.get(call.life) ?? 0) === 0) return this.#lookAt(call);
    }
    return undefined;
  }

  async #lookAt(call: OpenCall): Promise<void> {
    const kinds = this.#opened();
    await passRealTime(
      kinds.length > 0 ? longLookMs : shortLookMs,
      call.settled.catch(() => undefined),
    );
    // The simulation was paused meanwhile, so only a real resource can have completed the call.
    if (call.done) this.#found = realTime(call, kinds);
    call.excused = true;
  }

  /** For a run that never ended: a call that may be the reason. */
  stuck(): FlowError | undefined {
    const kinds = this.#opened();
    const call = [...this.#calls].find(({ life }) => life.alive);
    return call === undefined || kinds.length === 0 ? undefined : realTime(call, kinds);
  }

  #opened(): string[] {
    return [...realResources()].flatMap(([kind, count]) => (count > (this.#before.get(kind) ?? 0) ? kind : []));
  }
}

function realTime(call: OpenCall, kinds: readonly string[]): FlowError {
  const what = kinds.length === 0 ? "something outside the simulation" : `something real (${kinds.join(", ")})`;
  return new FlowError(
    "SIMULATION_REAL_TIME",
    `${call.name} waits for ${what}, and only virtual time passes in a simulation: give simulate() handlers that use its sleep and call instead`,
    { details: { call: call.name, resources: kinds } },
  );
}

/** Lets this much real time pass, or less if the promise settles earlier. */
async function passRealTime(ms: number, until: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([until, passed]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resources that the event loop waits for, such as timers, sockets and files, by kind. */
function realResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
