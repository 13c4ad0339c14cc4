import { expect } from "vitest";
import type { Message } from "../../../src/core/messages/messages.ts";
import { type BusTest, gate, messageOf, nodeOf, noting, pause, taskOf } from "./fixture.ts";

export function deliveryContract(it: BusTest): void {
  it("a message arrives as it was published", async ({ bus, peer, name, until }) => {
    const at = { taskId: "t", nodeId: "n", shard: 0, epoch: 1, type: "a" };
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const messages: Message[] = [
      { kind: "TASK_START", ...at, taskId: "t/ü", nodeId: "a.b", shard: 3, epoch: 7, cancelToken: "t:1" },
      { kind: "TASK_FAILED", ...at, workerId: "w", reasonCode: "busy", permanent: false, dueInMs: 1500 },
      { kind: "TASK_DONE", ...at, workerId: "w", metrics: { rows: 3.5 }, traceparent },
      { kind: "CANCEL", ...at, targetWorkerId: "w", reason: "enough" },
      { kind: "WORKER_ONLINE", workerId: "w", roles: ["a", "b"], version: "1.0.0", capacity: 4 },
    ];
    const got: Message[] = [];
    const topic = name("topic");
    await peer.subscribe({
      group: name("group"),
      topics: [topic],
      handle: async (message) => {
        got.push(message);
      },
    });
    for (const message of messages) await bus.publish(topic, "k", message);
    await until(() => got.length >= messages.length);
    expect(got).toMatchObject(messages); // a bus may add tracing fields: `MessageTrace`
  });

  it("each message is delivered to one member of each group", async ({ bus, peer, name, until, settled }) => {
    const topic = name("topic");
    const [a1, a2, b] = [noting(), noting(), noting()];
    await bus.subscribe({ group: name("a"), topics: [topic], handle: a1.handle });
    await peer.subscribe({ group: name("a"), topics: [topic], handle: a2.handle });
    await peer.subscribe({ group: name("b"), topics: [topic], handle: b.handle });
    const ids = Array.from({ length: 40 }, (_, i) => `t${i}`);
    for (const id of ids) await bus.publish(topic, id, messageOf(id));
    await until(() => a1.got.length + a2.got.length >= ids.length && b.got.length >= ids.length);
    await settled();
    expect([...a1.got, ...a2.got].toSorted()).toEqual(ids.toSorted());
    expect(b.got.toSorted()).toEqual(ids.toSorted());
  });

  it("a member receives the messages of its topics only", async ({ bus, name, until, settled }) => {
    const { got, handle } = noting();
    await bus.subscribe({ group: name("g"), topics: [name("x"), name("y")], handle });
    await bus.publish(name("z"), "k", messageOf("z"));
    await bus.publish(name("x"), "k", messageOf("x"));
    await bus.publish(name("y"), "k", messageOf("y"));
    await until(() => got.length >= 2);
    await settled();
    expect(got.toSorted()).toEqual(["x", "y"]);
  });

  it("a private group receives what is published after it subscribed", async ({ bus, peer, name, until, settled }) => {
    const topic = name("topic");
    const [first, second] = [noting(), noting()];
    await bus.subscribe({ group: name("first"), topics: [topic], isPrivate: true, handle: first.handle });
    for (let i = 0; i < 10; i++) await bus.publish(topic, `k${i}`, messageOf(`early ${i}`));
    await until(() => first.got.length >= 10);
    await peer.subscribe({ group: name("second"), topics: [topic], isPrivate: true, handle: second.handle });
    for (let i = 0; i < 10; i++) await bus.publish(topic, `k${i}`, messageOf(`late ${i}`));
    await until(() => second.got.length >= 10);
    await settled();
    expect(second.got.toSorted()).toEqual(Array.from({ length: 10 }, (_, i) => `late ${i}`));
    expect(first.got).toHaveLength(20);
  });

  it("publishing without subscribers is not an error", async ({ bus, name }) => {
    await bus.publish(name("unused"), "k", messageOf("t"));
  });

  it("publish never calls a handler synchronously", async ({ bus, name, until }) => {
    const topic = name("topic");
    let handled = false;
    await bus.subscribe({
      group: name("g"),
      topics: [topic],
      handle: async () => {
        handled = true;
      },
    });
    const published = bus.publish(topic, "k", messageOf("t"));
    expect(handled).toBe(false);
    await published;
    await until(() => handled);
  });

  it("messages with the same key keep their order", async ({ bus, peer, name, until }) => {
    const topic = name("topic");
    const got: string[] = [];
    const handle = async (message: Message) => {
      const taskId = taskOf(message);
      if (taskId.endsWith("3")) await pause();
      got.push(taskId);
    };
    await bus.subscribe({ group: name("g"), topics: [topic], handle });
    await peer.subscribe({ group: name("g"), topics: [topic], handle });
    const keys = ["a", "b", "c", "d", "e"];
    for (let i = 0; i < 40; i++) for (const key of keys) await bus.publish(topic, key, messageOf(`${key}:${i}`));
    await until(() => got.length >= 200);
    for (const key of keys) {
      const ofKey = got.filter((taskId) => taskId.startsWith(key));
      expect(ofKey).toEqual(Array.from({ length: 40 }, (_, i) => `${key}:${i}`));
    }
  });

  it("messages with the same key are never handled concurrently, whichever members receive them", async (fixture) => {
    const { bus, peer, name, until } = fixture;
    const topic = name("topic");
    const running = new Map<string, number>();
    let most = 0;
    let handled = 0;
    const handle = async (message: Message) => {
      const nodeId = nodeOf(message);
      running.set(nodeId, (running.get(nodeId) ?? 0) + 1);
      most = Math.max(most, running.get(nodeId) ?? 0);
      await pause();
      running.set(nodeId, (running.get(nodeId) ?? 0) - 1);
      handled++;
    };
    for (const connection of [bus, peer, bus]) {
      await connection.subscribe({ group: name("g"), topics: [topic], handle });
    }
    for (let i = 0; i < 20; i++) for (const key of ["a", "b"]) await bus.publish(topic, key, messageOf("t", key));
    await until(() => handled >= 40);
    expect(most).toBe(1);
  });

  it("a message whose handler rejects is redelivered before later messages of its key", async (fixture) => {
    const { bus, name, until } = fixture;
    const topic = name("topic");
    const got: string[] = [];
    let rejections = 0;
    await bus.subscribe({
      group: name("g"),
      topics: [topic],
      handle: async (message) => {
        const taskId = taskOf(message);
        if (taskId === "first" && rejections < 2) {
          rejections++;
          throw new Error("not now");
        }
        got.push(taskId);
      },
    });
    await bus.publish(topic, "k", messageOf("first"));
    await bus.publish(topic, "k", messageOf("second"));
    await until(() => got.length >= 2);
    expect(rejections).toBe(2);
    expect(new Set(got)).toEqual(new Set(["first", "second"]));
  });

  it("a message that is always rejected does not block other keys, nor its own key forever", async (fixture) => {
    const { bus, name, until } = fixture;
    const topic = name("topic");
    const got: string[] = [];
    let deliveries = 0;
    await bus.subscribe({
      group: name("g"),
      topics: [topic],
      handle: async (message) => {
        const taskId = taskOf(message);
        if (taskId === "poison") {
          deliveries++;
          throw new Error("never");
        }
        got.push(taskId);
      },
    });
    await bus.publish(topic, "k", messageOf("poison"));
    await bus.publish(topic, "k", messageOf("behind"));
    await bus.publish(topic, "other", messageOf("beside"));
    await until(() => got.includes("beside"));
    await until(() => got.includes("behind"));
    expect(deliveries).toBeGreaterThan(1);
    expect(deliveries).toBeLessThan(100);
  });

  it("a slow handler does not block other keys", async ({ bus, name, until }) => {
    const topic = name("topic");
    const { open, opened } = gate();
    const got: string[] = [];
    await bus.subscribe({
      group: name("g"),
      topics: [topic],
      handle: async (message) => {
        const taskId = taskOf(message);
        if (taskId === "slow") await opened;
        got.push(taskId);
      },
    });
    await bus.publish(topic, "a", messageOf("slow"));
    for (let i = 0; i < 5; i++) await bus.publish(topic, `b${i}`, messageOf(`quick${i}`));
    await until(() => got.length >= 5);
    expect(got).not.toContain("slow");
    open();
    await until(() => got.includes("slow"));
  });
}
