import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { freePort } from "../../../scripts/services/free-port.ts";
import { startKafka } from "../../../scripts/services/kafka.ts";
import { messageOf, noting } from "../../contract/bus/fixture.ts";
import { tcpProxy } from "../../helpers/tcp-proxy.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { openBus, uniquePrefix } from "./bus-tools.ts";

needsServices("kafka");

const patience = 30_000;

test("a bus that is closed at any request of its start leaves no connection open", async () => {
  const port = await freePort();
  const proxy = await tcpProxy({ host: "127.0.0.1", port });
  const broker = await startKafka({ port, advertisedPort: proxy.port });
  for (const closeAt of [1, 2, 3, 5, 7, 9, 12, 15, 19, 24]) {
    const bus = openBus({ brokers: [`127.0.0.1:${proxy.port}`], prefix: uniquePrefix(), closeTimeoutMs: 1_000 });
    let requests = 0;
    let closed: Promise<void> | undefined;
    proxy.fate = (direction) => {
      if (direction === "request" && ++requests === closeAt) closed = turn().then(() => bus.close());
      return "pass";
    };
    const { handle } = noting();
    // Rejects if it is closed before it has joined.
    const subscribing = bus.subscribe({ group: "g", topics: ["x", "y"], isPrivate: true, handle }).catch(() => {});
    await bus.publish("x", "k", messageOf("a"));
    await until(() => closed !== undefined, `request ${closeAt}`, patience);
    await closed;
    await until(() => proxy.open === 0, `the end of connections left open at request ${closeAt}`, patience);
    await subscribing;
  }
  expect(proxy.open).toBe(0);
  await broker.stop();
});
