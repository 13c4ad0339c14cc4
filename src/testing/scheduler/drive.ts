/** Runs nextTicks and microtasks to the end. Undocumented, so its absence is provided for. */
const drain = (process as unknown as { readonly _tickCallback?: () => void })._tickCallback?.bind(process);

/** Steps of a run. One that gives a promise has real time pass until it settles. */
export type Steps = Generator<Promise<void> | undefined, void>;

/**
 * Takes the steps of a generator; between two of them everything that promises have to do is done.
 *
 * Steps run in one synchronous loop, several times as fast as a turn of the event loop each. That works only outside of
 * promise callbacks, where draining does nothing: hence the `setImmediate`.
 */
export function drive(steps: Steps): Promise<void> {
  return drain === undefined ? driveByTurns(steps) : driveInOneGo(steps, drain);
}

function driveInOneGo(steps: Steps, drainNow: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = (): void => {
      try {
        for (let step = steps.next(); step.done !== true; step = steps.next()) {
          drainNow();
          if (step.value !== undefined) return void step.value.then(() => setImmediate(go), reject);
        }
        resolve();
      } catch (error) {
        reject(error);
      }
    };
    setImmediate(go);
  });
}

/** Slower, and without anything undocumented. */
export async function driveByTurns(steps: Steps): Promise<void> {
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  await turn();
  for (let step = steps.next(); step.done !== true; step = steps.next()) {
    await turn();
    await step.value;
  }
}
