import type { ProcessTools } from "../cluster/workload.ts";
import type { OpenCalls } from "./open-calls.ts";

/** One simulated process, as the handlers that are made for it see it. */
export interface SimulatedProcess<TOutside = unknown> {
  /** Such as `"w1#2"`: the worker w1, in its second life. */
  readonly name: string;
  /** What is outside of all processes; see the option `outside`. */
  readonly outside: TOutside;
  /** Virtual time: ends at once, or never if the process dies meanwhile. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Its clock, in ms. It drifts, and other processes' clocks show other times. */
  now(): number;
  /** Chance that the seed draws, from [0, 1). */
  random(): number;
  /**
   * A request to the outside: `work` takes effect some time after the call, and its answer comes some time after that.
   * The process may die in between, and a request that is on its way may arrive after its sender's death.
   *
   * @example
   * await call("insert", () => outside.rows.push(row))
   */
  call<T>(name: string, work: () => T): Promise<T>;
}

export function simulatedProcess<TOutside>(
  { life, clock, random, scheduler }: ProcessTools,
  { outside, calls }: { readonly outside: TOutside; readonly calls: OpenCalls },
): SimulatedProcess<TOutside> {
  return {
    name: life.name,
    outside,
    sleep: (ms, signal) => calls.virtually(life, () => clock.sleep(ms, signal)),
    now: clock.monotonic,
    random: random.next,
    call: (name, work) =>
      calls.virtually(life, async () => {
        await scheduler.park(life, `call ${name}`, { request: true });
        scheduler.tell(() => `${life.name}\tcalls ${name}${life.alive ? "" : ", which arrives after its death"}`);
        const answer = work();
        await scheduler.park(life, `call ${name} ->`);
        return answer;
      }),
  };
}
