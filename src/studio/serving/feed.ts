/*
 * Feeds of changes for any number of streams. A feed polls while it has streams, and keeps the newest changes: a stream
 * that was interrupted, or that is slower than the changes, continues after the last one that it received, or starts
 * over with a snapshot. So the cost of a slow reader is bounded.
 */

export interface Message {
  readonly event: string;
  readonly data: object;
}

/** A message of a stream. */
export interface FeedMessage extends Message {
  /** Sent back by the browser as `last-event-id` when it reconnects. */
  readonly id: string;
}

export interface FeedSource {
  /** Reads the current state, and returns what has changed since the last call. */
  poll(): Promise<readonly Message[]>;
  /** The state as last read, for a new stream; not called before the first poll. */
  snapshot(): Message;
  /** Once nothing more can change: the last message of each stream. */
  end(): Message | undefined;
}

export interface FeedOptions {
  readonly source: FeedSource;
  readonly pollMs: number;
  /** Called when it has had no stream for a while, or has failed. */
  readonly onDone: () => void;
}

const kept = 256;
/** Polls take at most this share of the time. */
const busyShare = 0.2;
/** A browser that reconnects within this time continues its stream. */
const idleMs = 10_000;

export class Feed {
  readonly #options: FeedOptions;
  /** Distinguishes this feed from earlier ones, since each counts from 0. */
  readonly #name = Math.random().toString(36).slice(2, 10);
  readonly #messages: FeedMessage[] = [];
  readonly #waiting = new Set<() => void>();
  #number = 0;
  #streams = 0;
  #state: "new" | "polled" | "failed" | "closed" = "new";
  #error: unknown;
  /** Set once the last change is among the messages. */
  #end: Message | undefined;
  #isPolling = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /**
   * Messages until `signal` is aborted, the feed is closed, or nothing more can change.
   *
   * @param lastId - the id of the last message that an earlier stream received
   * @throws what the source threw
   */
  async *stream(lastId: string | undefined, signal: AbortSignal): AsyncGenerator<FeedMessage> {
    const wake = () => this.#wake();
    signal.addEventListener("abort", wake);
    this.#streams++;
    this.#schedule(0);
    try {
      let position = this.#positionOf(lastId);
      while (!signal.aborted && this.#state !== "closed") {
        if (this.#state === "failed") throw this.#error;
        if (this.#state === "new") {
          await this.#next();
        } else if (position === undefined || position < this.#dropped) {
          position = this.#number;
          yield this.#named(this.#options.source.snapshot());
        } else if (position < this.#number) {
          const message = this.#messages[position - this.#dropped] as FeedMessage;
          position++;
          yield message;
        } else {
          if (this.#end !== undefined) return yield this.#named(this.#end);
          await this.#next();
        }
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#streams--;
      if (this.#streams === 0) this.#rest();
    }
  }

  /** Ends all streams. */
  close(): void {
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#wake();
  }

  /** How many messages are no longer kept. */
  get #dropped(): number {
    return this.#number - this.#messages.length;
  }

  #named(message: Message): FeedMessage {
    return { id: `${this.#name}-${this.#number}`, ...message };
  }

  #positionOf(lastId = ""): number | undefined {
    const [name, number = ""] = lastId.split("-");
    const isKnown = name === this.#name && /^\d{1,15}$/.test(number) && Number(number) <= this.#number;
    return isKnown ? Number(number) : undefined;
  }

  #next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    return promise;
  }

  #wake(): void {
    for (const each of this.#waiting) each();
    this.#waiting.clear();
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#poll(), ms);
  }

  #rest(): void {
    clearTimeout(this.#timer);
    if (this.#state === "polled") this.#timer = setTimeout(this.#options.onDone, idleMs).unref();
  }

  async #poll(): Promise<void> {
    if (this.#isPolling || this.#state === "closed" || this.#state === "failed") return;
    this.#isPolling = true;
    const { source, pollMs, onDone } = this.#options;
    const started = performance.now();
    try {
      for (const message of await source.poll()) {
        this.#number++;
        this.#messages.push(this.#named(message));
      }
      this.#messages.splice(0, this.#messages.length - kept);
      this.#end = source.end();
      if (this.#state === "new") this.#state = "polled";
    } catch (thrown) {
      this.#error = thrown;
      this.#state = "failed";
      onDone();
    }
    this.#isPolling = false;
    this.#wake();
    const mayChange = this.#state === "polled" && this.#end === undefined;
    if (this.#streams > 0 && mayChange) this.#schedule(Math.max(pollMs, (performance.now() - started) / busyShare));
  }
}
