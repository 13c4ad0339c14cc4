/** Runs nextTicks and microtasks to the end. Undocumented, so its absence is provided for. */
const drain = (process as unknown as { readonly _tickCallback?: () => void })._tickCallback?.bind(process);

/**
 * Takes the steps of a generator; between two of them everything that promises have to do is done.
 *
 * Steps run in one synchronous loop, several times as fast as a turn of the event loop each. That works only outside of
 * promise callbacks, where draining does nothing: hence the `setImmediate`.
 */
export function drive(steps: Generator<void, void>): Promise<void> {
  return drain === undefined ? driveByTurns(steps) : driveInOneGo(steps, drain);
}

function driveInOneGo(steps: Generator<void, void>, drainNow: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        while (steps.next().done !== true) drainNow();
        resolve();
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** Slower, and without anything undocumented. */
export async function driveByTurns(steps: Generator<void, void>): Promise<void> {
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  for (await turn(); steps.next().done !== true; ) await turn();
}
