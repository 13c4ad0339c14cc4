import { expect } from "vitest";
import { type BusTest, gate, messageOf, noting, pause } from "./fixture.ts";

export function closingContract(it: BusTest): void {
  it("a closed subscription receives no further messages; the other members do", async (fixture) => {
    const { bus, peer, name, until, settled } = fixture;
    const topic = name("topic");
    const [leaving, staying] = [noting(), noting()];
    const subscription = await bus.subscribe({ group: name("g"), topics: [topic], handle: leaving.handle });
    await peer.subscribe({ group: name("g"), topics: [topic], handle: staying.handle });
    await subscription.close();
    const before = leaving.got.length;
    for (let i = 0; i < 20; i++) await peer.publish(topic, `k${i}`, messageOf(`t${i}`));
    await until(() => staying.got.length >= 20);
    await settled();
    expect(leaving.got).toHaveLength(before);
  });

  it("closing a subscription waits for its running handler", async ({ bus, name, until }) => {
    const topic = name("topic");
    const { open, opened } = gate();
    let started = false;
    let ended = false;
    const subscription = await bus.subscribe({
      group: name("g"),
      topics: [topic],
      handle: async () => {
        started = true;
        await opened;
        ended = true;
      },
    });
    await bus.publish(topic, "k", messageOf("t"));
    await until(() => started);
    let closed = false;
    const closing = subscription.close().then(() => {
      closed = true;
    });
    for (let i = 0; i < 10; i++) await pause();
    expect(closed).toBe(false);
    open();
    await closing;
    expect(ended).toBe(true);
    await subscription.close();
  });

  it("closing the bus waits for running handlers", async ({ bus, name, until }) => {
    const topic = name("topic");
    const { open, opened } = gate();
    let started = false;
    let ended = false;
    const subscription = await bus.subscribe({
      group: name("g"),
      topics: [topic],
      handle: async () => {
        started = true;
        await opened;
        ended = true;
      },
    });
    await bus.publish(topic, "k", messageOf("t"));
    await until(() => started);
    let closed = false;
    const closing = bus.close().then(() => {
      closed = true;
    });
    for (let i = 0; i < 10; i++) await pause();
    expect(closed).toBe(false);
    open();
    await closing;
    expect(ended).toBe(true);
    await bus.close();
    await subscription.close();
  });

  it("a closed bus neither accepts nor delivers messages", async ({ bus, name }) => {
    const topic = name("topic");
    const { got, handle } = noting();
    await bus.subscribe({ group: name("g"), topics: [topic], handle });
    await bus.close();
    const before = got.length;
    await expect(bus.publish(topic, "k", messageOf("t"))).rejects.toThrow();
    await expect(bus.subscribe({ group: name("h"), topics: [topic], handle })).rejects.toThrow();
    for (let i = 0; i < 10; i++) await pause();
    expect(got).toHaveLength(before);
  });

  it("closing ends even if a handler keeps failing", async ({ bus, name, until }) => {
    const topic = name("topic");
    let deliveries = 0;
    await bus.subscribe({
      group: name("g"),
      topics: [topic],
      handle: async () => {
        deliveries++;
        throw new Error("never");
      },
    });
    await bus.publish(topic, "k", messageOf("t"));
    await until(() => deliveries > 0);
    await bus.close();
    const atTheEnd = deliveries;
    for (let i = 0; i < 10; i++) await pause();
    expect(deliveries).toBe(atTheEnd);
  });
}
