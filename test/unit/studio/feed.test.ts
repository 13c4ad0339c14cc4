import { expect, onTestFinished, test } from "vitest";
import { Feed, type FeedMessage, type FeedSource, type Message } from "../../../src/studio/serving/feed.ts";
import { until } from "../../helpers/waiting.ts";

/** Counts up on request. */
class Counter implements FeedSource {
  value = 0;
  polls = 0;
  wasSent = 0;
  hasEnded = false;
  error: Error | undefined;

  async poll(): Promise<readonly Message[]> {
    this.polls++;
    if (this.error !== undefined) throw this.error;
    const news: Message[] = [];
    while (this.wasSent < this.value) news.push({ event: "change", data: { value: ++this.wasSent } });
    return news;
  }
  snapshot = (): Message => ({ event: "snapshot", data: { value: this.wasSent } });
  end = (): Message | undefined => (this.hasEnded ? { event: "end", data: {} } : undefined);
}

function feedOf(counter: Counter) {
  const done = { count: 0 };
  const feed = new Feed({ source: counter, pollMs: 1, onDone: () => done.count++ });
  onTestFinished(() => feed.close());
  const open = (lastId?: string) => {
    const stopped = new AbortController();
    onTestFinished(() => stopped.abort());
    return { stopped, messages: feed.stream(lastId, stopped.signal) };
  };
  return { feed, done, open };
}

const next = async (messages: AsyncGenerator<FeedMessage>): Promise<FeedMessage> => {
  const { value, done } = await messages.next();
  if (done === true) throw new Error("the stream has ended");
  return value;
};
const numberOf = ({ data }: FeedMessage): number => (data as { readonly value: number }).value;

test("a stream begins with a snapshot, and has each change once, beside any number of others", async () => {
  const counter = new Counter();
  const { open } = feedOf(counter);
  const [one, other] = [open(), open()];
  for (const { messages } of [one, other]) expect(await next(messages)).toMatchObject({ event: "snapshot" });
  counter.value = 3;
  for (const { messages } of [one, other]) {
    const changes = [await next(messages), await next(messages), await next(messages)];
    expect(changes.map(numberOf)).toEqual([1, 2, 3]);
  }
});

test("a stream that is opened again continues after the last message that it had", async () => {
  const counter = new Counter();
  const { open } = feedOf(counter);
  const first = open();
  await next(first.messages);
  counter.value = 1;
  const { id } = await next(first.messages);
  const kept = open(); // the feed continues
  await next(kept.messages);
  first.stopped.abort();
  counter.value = 3;
  await until(() => counter.wasSent === 3, "the changes that it misses");
  const again = open(id);
  expect([numberOf(await next(again.messages)), numberOf(await next(again.messages))]).toEqual([2, 3]);
});

test.each(["", "nonsense", "other-5", "-", "x-99999999999999999999"])(
  "an id that this feed did not issue, '%s', gets a snapshot",
  async (id) => {
    const { open } = feedOf(new Counter());
    expect(await next(open(id).messages)).toMatchObject({ event: "snapshot" });
  },
);

test("a slow stream does not make the feed keep more: it gets a snapshot instead", async () => {
  const counter = new Counter();
  const { open } = feedOf(counter);
  const slow = open();
  await next(slow.messages);
  const quick = open();
  await next(quick.messages);
  counter.value = 10_000;
  await until(() => counter.wasSent === 10_000, "the changes");
  const message = await next(slow.messages);
  expect([message.event, numberOf(message)]).toEqual(["snapshot", 10_000]);
  counter.value++;
  expect(numberOf(await next(slow.messages))).toBe(10_001);
});

test("once nothing can change any more, each stream ends, and nothing is polled", async () => {
  const counter = new Counter();
  const { open } = feedOf(counter);
  const { messages } = open();
  await next(messages);
  counter.value = 1;
  counter.hasEnded = true;
  expect((await next(messages)).event).toBe("change");
  expect((await next(messages)).event).toBe("end");
  expect(await messages.next()).toMatchObject({ done: true });
  const late = open();
  expect([(await next(late.messages)).event, (await next(late.messages)).event]).toEqual(["snapshot", "end"]);
});

test("without a stream, nothing is polled", async () => {
  const counter = new Counter();
  const { open } = feedOf(counter);
  const { messages, stopped } = open();
  await next(messages);
  stopped.abort();
  expect(await messages.next()).toMatchObject({ done: true });
  await until(async () => {
    const before = counter.polls;
    await new Promise((done) => setTimeout(done, 20));
    return counter.polls === before;
  }, "the last poll");
});

test("an error of the source ends the streams with it, and the feed", async () => {
  const counter = new Counter();
  const { open, done } = feedOf(counter);
  const { messages } = open();
  await next(messages);
  counter.error = new Error("the store is gone");
  await expect(messages.next()).rejects.toThrow("the store is gone");
  expect(done.count).toBe(1);
  await expect(open().messages.next()).rejects.toThrow("the store is gone");
});

test("a feed that is closed ends its streams", async () => {
  const { feed, open } = feedOf(new Counter());
  const { messages } = open();
  await next(messages);
  const waiting = messages.next();
  feed.close();
  expect(await waiting).toMatchObject({ done: true });
});
