import { FlowError } from "../../errors/index.ts";
import { systemClock } from "../ports/system.ts";

/** A larger request would delay everything that waits for it. */
const mostTogether = 100;
/** Requests at once. Further items wait for the next request, unless both are stuck, such as behind a lock. */
const mostAtOnce = 2;

const clock = systemClock(); // for requests to real servers, which the simulation does not run

interface Waiting<TItem, TAnswer> extends PromiseWithResolvers<TAnswer> {
  readonly item: TItem;
}

/**
 * Combines items into one request to a server: all items of a turn of the event loop, and those that arrive while earlier
 * requests run. A round trip costs more than an additional item. After a request for a single item, the next one waits only
 * for the items of the same step.
 *
 * @param run - resolves with the answers in the order of the items. After an error that is not retryable, it is called again
 *   for each item alone, since the error may concern only one of them
 * @param always - wait for the whole turn also after a request for a single item
 */
export function together<TItem, TAnswer>(
  run: (items: readonly TItem[]) => Promise<readonly TAnswer[]>,
  always: "waits for the turn" | undefined = undefined,
): (item: TItem) => Promise<TAnswer> {
  const waiting: Waiting<TItem, TAnswer>[] = [];
  let running = 0;
  let isPlanned = false;
  /** The last request was for a single item. */
  let wasAlone = false;

  function plan(): void {
    if (isPlanned || waiting.length === 0 || running >= mostAtOnce) return;
    isPlanned = true;
    void start();
  }

  async function start(): Promise<void> {
    await (wasAlone && running === 0 && always === undefined ? undefined : clock.yield());
    isPlanned = false;
    running++;
    const items = waiting.splice(0, mostTogether);
    wasAlone = items.length === 1;
    plan();
    await answer(items);
    running--;
    plan();
  }

  /** Never rejects. */
  async function answer(items: readonly Waiting<TItem, TAnswer>[]): Promise<void> {
    try {
      const answers = await run(items.map(({ item }) => item));
      for (const [index, { resolve }] of items.entries()) resolve(answers[index] as TAnswer);
    } catch (error) {
      const isOfAll = items.length === 1 || (FlowError.is(error) && error.retryable);
      if (!isOfAll) await Promise.all(items.map((item) => answer([item])));
      else for (const { reject } of items) reject(error);
    }
  }

  return (item) => {
    const one = { item, ...Promise.withResolvers<TAnswer>() };
    waiting.push(one);
    plan();
    return one.promise;
  };
}
