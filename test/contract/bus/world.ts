import { vi } from "vitest";
import type { Message } from "../../../src/core/messages/messages.ts";
import type { Bus } from "../../../src/core/ports/index.ts";

/** What an implementation brings along to be tested. */
export interface BusHarness {
  /** A connection to the bus; all of one harness reach each other. Some implementations share one. */
  connect(): Promise<Bus>;
  /** How long a message may take to arrive. */
  readonly patienceMs: number;
  /** Ends what is left. */
  close(): Promise<void>;
}

export interface BusWorld {
  readonly bus: Bus;
  readonly other: Bus;
  /** Names of this test only. */
  readonly name: (word: string) => string;
  /** Waits until the condition holds; fails when it doesn't in time. */
  readonly until: (condition: () => boolean) => Promise<void>;
  /** Resolves after a message published now was delivered to somebody: earlier ones had their time, too. */
  readonly settled: () => Promise<void>;
}

export type BusTest = (title: string, body: (world: BusWorld) => Promise<void>) => void;

let worlds = 0;

export async function busWorld(harness: BusHarness): Promise<BusWorld> {
  const [bus, other] = [await harness.connect(), await harness.connect()];
  const suffix = `${process.pid}-${++worlds}`;
  const name = (word: string) => `${word}.${suffix}`;
  const until = (condition: () => boolean) =>
    vi.waitFor(
      () => {
        if (!condition()) throw new Error("it didn't come about in time");
      },
      { timeout: harness.patienceMs, interval: 5 },
    );
  let marks = 0;
  const settled = async () => {
    const topic = name(`mark${++marks}`);
    let marked = false;
    const subscription = await bus.subscribe({
      group: topic,
      topics: [topic],
      handle: async () => {
        marked = true;
      },
    });
    await bus.publish(topic, "k", messageOf("mark"));
    await until(() => marked);
    await subscription.close();
  };
  return { bus, other, name, until, settled };
}

/** A message that can be told from others by its task id. */
export const messageOf = (taskId: string, nodeId = "n"): Message => ({
  kind: "TASK_START",
  taskId,
  nodeId,
  shard: 0,
  epoch: 1,
  type: "a",
  cancelToken: "c",
});

export const taskOf = (message: Message): string => ("taskId" in message ? message.taskId : "");
export const nodeOf = (message: Message): string => ("nodeId" in message ? message.nodeId : "");

/** A handler that notes what it got. */
export function noting(): {
  readonly got: string[];
  readonly handle: (message: Message) => Promise<void>;
} {
  const got: string[] = [];
  return {
    got,
    handle: async (message) => {
      got.push(taskOf(message));
    },
  };
}

/** A promise and what settles it. */
export function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}

export const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
