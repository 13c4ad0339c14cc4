import { describe, expect, test, vi } from "vitest";
import { memoryBus, type UndeliveredMessage } from "../../../../src/adapters/memory/index.ts";
import type { Message } from "../../../../src/core/messages/messages.ts";
import type { Clock } from "../../../../src/core/ports/index.ts";
import { FlowError } from "../../../../src/errors/index.ts";
import { gate, messageOf, nodeOf, noting, pause, taskOf } from "../../../contract/bus/fixture.ts";

/** A clock whose sleeps end at once and are noted; `yield` is a real turn of the event loop. */
function notedClock() {
  const sleeps: number[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: async (ms) => {
      sleeps.push(ms);
    },
    yield: pause,
  };
  return { clock, sleeps };
}

const settle = async () => {
  for (let i = 0; i < 20; i++) await pause();
};

describe("redelivery", () => {
  test("a message is delivered five times, with growing pauses, and then a dead letter", async () => {
    const { clock, sleeps } = notedClock();
    const letters: UndeliveredMessage[] = [];
    const bus = memoryBus({ clock, onDeadLetter: (letter) => letters.push(letter) });
    const errors: Error[] = [];
    await bus.subscribe({
      group: "g",
      topics: ["topic"],
      handle: async () => {
        const error = new Error(`delivery ${errors.length + 1}`);
        errors.push(error);
        throw error;
      },
    });
    await bus.publish("topic", "k", messageOf("poison"));
    await settle();
    expect(errors).toHaveLength(5);
    expect(sleeps).toEqual([50, 100, 200, 400]);
    const message = messageOf("poison");
    expect(letters).toEqual([{ topic: "topic", key: "k", group: "g", message, error: errors.at(-1) }]);
    expect(letters[0]?.error).toBe(errors.at(-1));
    await bus.close();
  });

  test("the pause between deliveries has an upper limit", async () => {
    const { clock, sleeps } = notedClock();
    const bus = memoryBus({ clock, maxDeliveries: 6, backoffMs: 10, maxBackoffMs: 35 });
    await bus.subscribe({ group: "g", topics: ["topic"], handle: () => Promise.reject(new Error("never")) });
    await bus.publish("topic", "k", messageOf("poison"));
    await settle();
    expect(sleeps).toEqual([10, 20, 35, 35, 35]);
    await bus.close();
  });

  test("a handler that throws before it returns a promise is the same", async () => {
    const { clock } = notedClock();
    const letters: UndeliveredMessage[] = [];
    const bus = memoryBus({ clock, maxDeliveries: 2, onDeadLetter: (letter) => letters.push(letter) });
    await bus.subscribe({
      group: "g",
      topics: ["topic"],
      handle: () => {
        throw new Error("at once");
      },
    });
    await bus.publish("topic", "k", messageOf("poison"));
    await settle();
    expect(letters).toHaveLength(1);
    await bus.close();
  });

  test("a rejected message keeps its place in its key, and goes to another member", async () => {
    const { clock } = notedClock();
    const bus = memoryBus({ clock });
    const got: string[] = [];
    const member = (name: string) => async (message: Message) => {
      got.push(`${name} ${taskOf(message)}`);
      if (name === "broken") throw new Error("broken");
    };
    await bus.subscribe({ group: "g", topics: ["topic"], handle: member("broken") });
    await bus.subscribe({ group: "g", topics: ["topic"], handle: member("sound") });
    await bus.publish("topic", "k", messageOf("first"));
    await bus.publish("topic", "k", messageOf("second"));
    await settle();
    expect(got).toEqual(["broken first", "sound first", "broken second", "sound second"]);
    await bus.close();
  });

  test("limits out of range are refused", () => {
    for (const maxDeliveries of [0, -1, 1.5]) expect(() => memoryBus({ maxDeliveries })).toThrow(/maxDeliveries/);
  });
});

describe("turns", () => {
  test("no timer and no sleep on the happy path", async () => {
    const { clock, sleeps } = notedClock();
    const timers = vi.spyOn(globalThis, "setTimeout");
    const bus = memoryBus({ clock });
    const { got, handle } = noting();
    await bus.subscribe({ group: "g", topics: ["topic"], handle });
    for (let i = 0; i < 1_000; i++) await bus.publish("topic", `k${i % 10}`, messageOf(`t${i}`));
    await settle();
    expect(got).toHaveLength(1_000);
    expect(sleeps).toEqual([]);
    expect(timers).not.toHaveBeenCalled();
    timers.mockRestore();
    await bus.close();
  });

  test("a message is delivered within microtasks", async () => {
    const bus = memoryBus();
    const { got, handle } = noting();
    await bus.subscribe({ group: "g", topics: ["topic"], handle });
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    await bus.publish("topic", "k", messageOf("t"));
    for (let i = 0; i < 10 && got.length === 0; i++) await Promise.resolve();
    expect(got).toEqual(["t"]);
    expect(turned).toBe(false);
    await pause();
    await bus.close();
  });

  test("a handler that always publishes starves neither the event loop nor other keys nor other groups", async () => {
    const bus = memoryBus();
    let echoes = 0;
    await bus.subscribe({
      group: "echo",
      topics: ["echo"],
      handle: async (message) => {
        echoes++;
        await bus.publish("echo", nodeOf(message), message);
      },
    });
    const [beside, between] = [noting(), noting()];
    await bus.subscribe({ group: "beside", topics: ["beside"], handle: beside.handle });
    await bus.subscribe({ group: "between", topics: ["echo"], handle: between.handle });
    for (const key of ["a", "b", "c"]) await bus.publish("echo", key, messageOf("echo", key));

    await pause();
    await pause();
    const soFar = echoes;
    await bus.publish("beside", "k", messageOf("beside"));
    await pause();
    await pause();
    expect(beside.got).toEqual(["beside"]);
    expect(between.got.length).toBeGreaterThan(0);
    expect(echoes).toBeGreaterThan(soFar);
    await bus.close();
    const atTheEnd = echoes;
    await settle();
    expect(echoes - atTheEnd).toBeLessThanOrEqual(3);
  });

  test("members take turns", async () => {
    const bus = memoryBus();
    const members = [noting(), noting(), noting()];
    for (const { handle } of members) await bus.subscribe({ group: "g", topics: ["topic"], handle });
    for (let i = 0; i < 30; i++) await bus.publish("topic", `k${i}`, messageOf(`t${i}`));
    await settle();
    expect(members.map(({ got }) => got.length)).toEqual([10, 10, 10]);
    await bus.close();
  });
});

describe("groups", () => {
  test("one group has one set of topics", async () => {
    const bus = memoryBus();
    const { handle } = noting();
    await bus.subscribe({ group: "g", topics: ["a", "b"], handle });
    await bus.subscribe({ group: "g", topics: ["b", "a"], handle });
    const error = await bus.subscribe({ group: "g", topics: ["a"], handle }).catch((reason: unknown) => reason);
    expect(FlowError.is(error, "ENGINE_OPTIONS")).toBe(true);
    expect(error).toMatchObject({ details: { group: "g", topics: ["a", "b"], asked: ["a"] } });
    await bus.close();
  });

  test("a group without members is forgotten, and may return with other topics", async () => {
    const bus = memoryBus();
    const { got, handle } = noting();
    const first = await bus.subscribe({ group: "g", topics: ["a"], handle });
    await first.close();
    await bus.publish("a", "k", messageOf("nobody"));
    await bus.subscribe({ group: "g", topics: ["b"], handle });
    await bus.publish("a", "k", messageOf("still nobody"));
    await bus.publish("b", "k", messageOf("somebody"));
    await settle();
    expect(got).toEqual(["somebody"]);
    await bus.close();
  });

  test("what waits behind a running handler is dropped when the last member leaves", async () => {
    const bus = memoryBus();
    const { open, opened } = gate();
    const got: string[] = [];
    const subscription = await bus.subscribe({
      group: "g",
      topics: ["topic"],
      handle: async (message) => {
        got.push(taskOf(message));
        await opened;
      },
    });
    await bus.publish("topic", "k", messageOf("running"));
    await bus.publish("topic", "k", messageOf("waiting"));
    await settle();
    const closing = subscription.close();
    open();
    await closing;
    await settle();
    expect(got).toEqual(["running"]);
    await bus.close();
  });

  test("a closed bus rejects with ENGINE_STOPPED", async () => {
    const bus = memoryBus();
    await bus.close();
    const error = await bus.publish("topic", "k", messageOf("t")).catch((reason: unknown) => reason);
    expect(FlowError.is(error, "ENGINE_STOPPED")).toBe(true);
  });
});
