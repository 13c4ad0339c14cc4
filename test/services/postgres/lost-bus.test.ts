import { expect, inject, test } from "vitest";
import { postgresBus } from "../../../src/adapters/postgres/index.ts";
import { messageOf, noting } from "../../contract/bus/fixture.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { behindProxy } from "./postgres-world.ts";

needsServices("postgres");

test("a bus that lost its connections is unreachable, until it listens again and delivers what was sent meanwhile", async () => {
  const { proxy, url, schema } = await behindProxy();
  const [bus, peer] = [
    postgresBus({ url, schema, lookEveryMs: 10_000 }),
    postgresBus({ url: inject("postgresUrl"), schema }),
  ];
  try {
    const { got, handle } = noting();
    await bus.subscribe({ group: "g", topics: ["t"], handle });
    await until(() => bus.health?.().status === "ok", "its connection");
    proxy.interrupt();
    await until(() => bus.health?.().status === "unreachable", "the loss");
    await peer.publish("t", "k", messageOf("meanwhile"));
    await bus.publish("t", "k", messageOf("later"));
    proxy.resume();
    await until(() => got.length === 2, "both messages");
    expect(got.toSorted()).toEqual(["later", "meanwhile"]);
    await until(() => bus.health?.().status === "ok", "its recovery");
    expect(bus.health?.()).toMatchObject({ dropped: 0, lastError: expect.any(String) });
  } finally {
    await Promise.all([bus.close(), peer.close()]);
  }
});
