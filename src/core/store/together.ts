import { FlowError } from "../../errors/index.ts";
import { systemClock } from "../ports/system.ts";

/** More would make one request, and all that wait for it, slow. */
const mostTogether = 100;
/** Further items wait for the next request, unless these are stuck: behind a lock, say. */
const mostAtOnce = 2;

const clock = systemClock(); // requests of real servers

interface Waiting<TItem, TAnswer> extends PromiseWithResolvers<TAnswer> {
  readonly item: TItem;
}

/**
 * One request to a server for all items of a turn of the event loop, and for those that come while earlier requests run: a
 * round trip costs more than what one item adds to it. After a request for a single item, the next one waits for what is asked
 * for in the same step only.
 *
 * @param run - resolves with the answers in the order of the items. It may be called again with each of them alone: after an
 *   error that is not retryable, since what cannot be done for one item does not concern the others
 * @param always - also after a request for a single item
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
