import { expect, test } from "vitest";
import { judgeCalls } from "../../../bench/call-budget.ts";

const judge = (found: Readonly<Record<string, number>>) =>
  judgeCalls({ chain: { claim: 1, append: 1, peekQueue: 2 } }, { chain: found })[0];

test("a sum of store calls within 15 % of the recorded one is ok", () => {
  expect(judge({ claim: 1, append: 1, peekQueue: 2 })).toMatchObject({ verdict: "ok", recorded: 4, found: 4, why: "" });
  expect(judge({ claim: 1, append: 1.5, peekQueue: 2 })?.verdict).toBe("ok");
  expect(judge({ claim: 1, append: 1, peekQueue: 1.5 })?.verdict).toBe("ok");
});

test("more than 15 % above it is worse, and names what changed most", () => {
  expect(judge({ claim: 1, append: 1, peekQueue: 2.2, readTask: 1 })).toMatchObject({
    verdict: "worse",
    why: "readTask 0.00 -> 1.00, peekQueue 2.00 -> 2.20",
  });
});

test("far below it, or not recorded, it has to be recorded", () => {
  expect(judge({ claim: 1, append: 1 })).toMatchObject({
    verdict: "better",
    why: "peekQueue 2.00 -> 0.00; record it with --record",
  });
  expect(judgeCalls({}, { chain: { claim: 1 } })[0]).toMatchObject({ verdict: "not recorded", found: 1 });
});
