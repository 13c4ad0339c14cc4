import { expect, test } from "vitest";
import { together } from "../../../../src/core/store/together.ts";
import { FlowError } from "../../../../src/errors/index.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const turns = async () => {
  for (let n = 0; n < 5; n++) await turn();
};

/** Requests that stay open until they are answered. */
function requests(always?: "waits for the turn") {
  const open: (PromiseWithResolvers<readonly number[]> & { readonly items: readonly number[] })[] = [];
  const ask = together((items: readonly number[]) => {
    const request = { items, ...Promise.withResolvers<readonly number[]>() };
    open.push(request);
    return request.promise;
  }, always);
  return { ask, open, doubled: (at: number) => open[at]?.resolve(open[at].items.map((item) => 2 * item)) };
}

test("items of a turn are one request, answered in their order", async () => {
  const { ask, open, doubled } = requests();
  const answers = Promise.all([1, 2, 3].map(ask));
  await turns();
  expect(open.map(({ items }) => items)).toEqual([[1, 2, 3]]);
  doubled(0);
  expect(await answers).toEqual([2, 4, 6]);
});

test("while two requests run, items wait for the next one", async () => {
  const { ask, open, doubled } = requests();
  const answers: Promise<number>[] = [];
  for (const item of [1, 2, 3, 4]) {
    answers.push(ask(item));
    await turns();
  }
  expect(open.map(({ items }) => items)).toEqual([[1], [2]]);
  doubled(1);
  await turns();
  expect(open.map(({ items }) => items)).toEqual([[1], [2], [3, 4]]);
  doubled(0);
  doubled(2);
  expect(await Promise.all(answers)).toEqual([2, 4, 6, 8]);
});

test("after a request for a single item, the next one does not wait for the end of the turn", async () => {
  const { ask, open, doubled } = requests();
  const first = ask(1);
  await undefined;
  expect(open).toEqual([]);
  await turns();
  doubled(0);
  expect(await first).toBe(2);
  await turns();

  const next = [ask(2), ask(3)];
  await undefined;
  next.push(ask(4));
  expect(open.map(({ items }) => items)).toEqual([[1], [2, 3]]);
  await turns();
  expect(open.map(({ items }) => items)).toEqual([[1], [2, 3], [4]]);
  doubled(1);
  doubled(2);
  expect(await Promise.all(next)).toEqual([4, 6, 8]);
});

test("while a request for a single item runs, or if it always does, the next one waits for the turn to end", async () => {
  for (const always of [undefined, "waits for the turn"] as const) {
    const { ask, open, doubled } = requests(always);
    const answers = [ask(1)];
    await turns();
    if (always !== undefined) doubled(0);
    await turns();
    answers.push(ask(2));
    await undefined;
    expect(open).toHaveLength(1);
    answers.push(ask(3));
    await turns();
    expect(open.map(({ items }) => items)).toEqual([[1], [2, 3]]);
    doubled(0);
    doubled(1);
    expect(await Promise.all(answers)).toEqual([2, 4, 6]);
  }
});

test("a request has at most a hundred items", async () => {
  const { ask, open, doubled } = requests();
  const answers = Array.from({ length: 250 }, (_, item) => ask(item));
  await turns();
  expect(open.map(({ items }) => items.length)).toEqual([100, 100]);
  doubled(0);
  await turns();
  expect(open.map(({ items }) => items.length)).toEqual([100, 100, 50]);
  doubled(1);
  doubled(2);
  expect((await Promise.all(answers))[249]).toBe(498);
});

test("an error of one item does not fail the others", async () => {
  const calls: (readonly number[])[] = [];
  const refusal = new FlowError("RECORD_TOO_LARGE", "too large");
  const ask = together(async (items: readonly number[]) => {
    calls.push(items);
    if (items.includes(2)) throw refusal;
    return items;
  });
  const answers = await Promise.allSettled([1, 2, 3].map(ask));
  expect(answers).toEqual([
    { status: "fulfilled", value: 1 },
    { status: "rejected", reason: refusal },
    { status: "fulfilled", value: 3 },
  ]);
  expect(calls).toEqual([[1, 2, 3], [1], [2], [3]]);
});

test("if the server is unreachable, all of them are rejected, without another request", async () => {
  const calls: (readonly number[])[] = [];
  const away = new FlowError("STORE_UNAVAILABLE", "away", { retryable: true });
  const ask = together(async (items: readonly number[]): Promise<readonly number[]> => {
    calls.push(items);
    throw away;
  });
  const answers = await Promise.allSettled([1, 2].map(ask));
  expect(answers.map((answer) => answer.status === "rejected" && answer.reason)).toEqual([away, away]);
  expect(calls).toEqual([[1, 2]]);
});
