import { expect, test } from "vitest";
import type { BusParts } from "../../../../src/adapters/kafka/client.ts";
import { endsOf } from "../../../../src/adapters/kafka/private-group.ts";
import { until } from "../../../helpers/waiting.ts";

test("a topic whose end cannot be fetched leaves nothing pending after the disconnect", async () => {
  let underWay = 0;
  let atDisconnect: number | undefined;
  const admin = {
    connect: async () => {},
    fetchTopicOffsets: async (topic: string) => {
      underWay++;
      try {
        if (topic === "a") throw new Error("not the leader");
        // The driver retries, with any connection it can get.
        await until(() => atDisconnect !== undefined, "the disconnect", 200).catch(() => {});
        return [{ partition: 0, offset: "1", high: "1", low: "0" }];
      } finally {
        underWay--;
      }
    },
    disconnect: async () => {
      atDisconnect = underWay;
    },
  };
  const parts = { kafka: { admin: () => admin } } as unknown as BusParts;
  await expect(endsOf(parts, ["a", "b"])).rejects.toThrow("not the leader");
  expect(atDisconnect).toBe(0);
});
