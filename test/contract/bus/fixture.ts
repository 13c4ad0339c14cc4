import { vi } from "vitest";
import type { Message } from "../../../src/core/messages/messages.ts";
import type { Bus } from "../../../src/core/ports/index.ts";

/** What an implementation provides for the tests. */
export interface BusHarness {
  /** A connection to the bus, connected to all others of the harness. Some implementations share one. */
  connect(): Promise<Bus>;
  /** Maximum delivery time of a message. */
  readonly patienceMs: number;
  /** Closes all connections. */
  close(): Promise<void>;
}

export interface BusFixture {
  readonly bus: Bus;
  readonly peer: Bus;
  /** Makes a name unique to this test. */
  readonly name: (word: string) => string;
  /** Waits until the condition holds; fails after a timeout. */
  readonly until: (condition: () => boolean) => Promise<void>;
  /** Resolves once a message published now has been delivered, so that earlier ones had time to arrive as well. */
  readonly settled: () => Promise<void>;
}

export type BusTest = (title: string, body: (fixture: BusFixture) => Promise<void>) => void;

let fixtures = 0;

export async function busFixture(harness: BusHarness): Promise<BusFixture> {
  const [bus, peer] = [await harness.connect(), await harness.connect()];
  const suffix = `${process.pid}-${++fixtures}`;
  const name = (word: string) => `${word}.${suffix}`;
  const until = (condition: () => boolean) =>
    vi.waitFor(
      () => {
        if (!condition()) throw new Error("the condition did not hold in time");
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
  return { bus, peer, name, until, settled };
}

/** A message identified by its task id. */
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

/** A handler that records its messages. */
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

/** A promise and its resolver. */
export function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}

export const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
