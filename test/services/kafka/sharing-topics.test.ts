import { expect, test } from "vitest";
import { messageOf, noting } from "../../contract/bus/fixture.ts";
import { until } from "../../helpers/waiting.ts";
import { needsServices } from "../services.ts";
import { openBus, uniquePrefix } from "./bus-tools.ts";

needsServices("kafka");

const patience = 30_000;
const ids = Array.from({ length: 30 }, (_, i) => `t${i}`);

test.each(["the member with more topics is first", "the member with fewer topics is first"])(
  "group members with different topics consume all of them, each its own: %s",
  async (order) => {
    const prefix = uniquePrefix();
    const buses = [openBus({ prefix }), openBus({ prefix })] as const;
    const sets = [["old"], ["old", "new"]];
    const members = [noting(), noting()] as const;
    for (const index of order === "the member with fewer topics is first" ? ([0, 1] as const) : ([1, 0] as const)) {
      const { handle } = members[index];
      await buses[index].subscribe({ group: "g", topics: sets[index] ?? [], handle });
    }
    for (const id of ids) {
      await buses[0].publish("old", id, messageOf(`old ${id}`));
      await buses[0].publish("new", id, messageOf(`new ${id}`));
    }
    const got = () => members.flatMap((member) => member.got);
    await until(() => new Set(got()).size === ids.length * 2, "all messages", patience);
    expect(members[0].got.filter((id) => id.startsWith("new"))).toEqual([]);
  },
);
