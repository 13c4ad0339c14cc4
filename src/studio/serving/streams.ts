import type { Context } from "hono";
import type { TaskRecord } from "../../core/model/records.ts";
import { FlowError } from "../../errors/index.ts";
import type { Reading } from "../reading.ts";
import type { TaskFilter } from "../views/task-list.ts";
import { Feed, type FeedMessage } from "./feed.ts";
import { answerTo } from "./requests.ts";
import { filtered, ListSource, TaskSource } from "./sources.ts";

const mostStreams = 100;
/** Proxies close connections that are silent. */
const heartbeatMs = 15_000;
const taskPollMs = 500;
const listPollMs = 1_000;

/** The server-sent events: one feed for the list and one for each task, whatever the number of its streams. */
export class Streams {
  readonly #reading: Reading;
  readonly #feeds = new Map<string, Feed>();
  readonly #open = new Set<AbortController>();

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  ofList(context: Context, filter: TaskFilter): Response {
    const feed = this.#feed("", () => ({ source: new ListSource(this.#reading), pollMs: listPollMs }));
    return this.#send(context, feed, (message) => filtered(message, filter));
  }

  ofTask(context: Context, { id, graph }: TaskRecord): Response {
    const feed = this.#feed(id, () => ({ source: new TaskSource(this.#reading, { id, graph }), pollMs: taskPollMs }));
    return this.#send(context, feed, (message) => message);
  }

  close(): void {
    for (const feed of this.#feeds.values()) feed.close();
    for (const stream of this.#open) stream.abort();
  }

  #feed(key: string, make: () => Pick<ConstructorParameters<typeof Feed>[0], "source" | "pollMs">): Feed {
    let feed = this.#feeds.get(key);
    if (feed === undefined) {
      const made = new Feed({ ...make(), onDone: () => this.#drop(key, made) });
      feed = made;
      this.#feeds.set(key, feed);
    }
    return feed;
  }

  #drop(key: string, feed: Feed): void {
    if (this.#feeds.get(key) === feed) this.#feeds.delete(key);
  }

  #send(context: Context, feed: Feed, view: (message: FeedMessage) => FeedMessage | undefined): Response {
    if (this.#open.size >= mostStreams) {
      throw new FlowError("STUDIO_BUSY", `this studio has ${mostStreams} streams open; close some of its pages`);
    }
    const stopped = new AbortController();
    this.#open.add(stopped);
    const messages = feed.stream(context.req.header("last-event-id"), stopped.signal);
    const body = eventStream(messages, { view, onEnd: () => this.#end(stopped) });
    context.header("content-type", "text/event-stream; charset=utf-8");
    context.header("x-accel-buffering", "no");
    return context.body(body);
  }

  #end(stream: AbortController): void {
    this.#open.delete(stream);
    stream.abort();
  }
}

/** Pulled by the connection: a slow reader does not make messages accumulate. */
function eventStream(
  messages: AsyncGenerator<FeedMessage>,
  { view, onEnd }: { readonly view: (message: FeedMessage) => FeedMessage | undefined; readonly onEnd: () => void },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<FeedMessage>> | undefined;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(text));
      try {
        for (;;) {
          next ??= messages.next();
          const found = await orHeartbeat(next);
          if (found === "heartbeat") return send(": still here\n\n");
          next = undefined;
          if (found.done === true) break;
          const message = view(found.value);
          if (message !== undefined) return send(textOf(message));
        }
      } catch (error) {
        send(textOf({ id: "", event: "failed", data: answerTo(error).body }));
      }
      onEnd();
      controller.close();
    },
    cancel: onEnd,
  });
}

async function orHeartbeat<T>(next: Promise<T>): Promise<T | "heartbeat"> {
  let timer: NodeJS.Timeout | undefined;
  const beat = new Promise<"heartbeat">((done) => {
    timer = setTimeout(done, heartbeatMs, "heartbeat");
  });
  try {
    return await Promise.race([next, beat]);
  } finally {
    clearTimeout(timer);
  }
}

const textOf = ({ id, event, data }: FeedMessage): string =>
  `${id === "" ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
