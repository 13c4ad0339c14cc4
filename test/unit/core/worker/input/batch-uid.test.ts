import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { consumerUid } from "../../../../../src/core/worker/input/index.ts";

describe("the uid of a consumer's batch", () => {
  test("is its source's when there is one source, taken whole", () => {
    expect(consumerUid({ nodeId: "a", uid: "x", onlySource: true })).toBe("x");
    expect(consumerUid({ nodeId: "a", uid: "x", onlySource: false })).toBe("a/x");
    expect(consumerUid({ nodeId: "a", uid: "x", chunk: 2, onlySource: true })).toBe("x.2");
    expect(consumerUid({ nodeId: "a", uid: "x", chunk: 2, onlySource: false })).toBe("a/x.2");
  });

  test("is unique within a node: another origin is another uid", () => {
    // Characters of which uids are made, and lengths around the cut.
    const uid = fc.oneof(
      fc.string({ unit: fc.constantFrom("a", ".", "/", "0", "1", "#"), minLength: 1, maxLength: 6 }),
      fc.integer({ min: 100, max: 300 }).map((length) => "x".repeat(length)),
    );
    const nodeId = fc.string({ unit: fc.constantFrom("a", ".", "1", "-"), minLength: 1, maxLength: 3 });
    const chunk = fc.nat({ max: 12 });
    const origin = fc.record({ nodeId, uid, chunk });
    fc.assert(
      fc.property(origin, origin, fc.boolean(), fc.boolean(), (one, other, onlySource, whole) => {
        const name = (from: typeof one) =>
          consumerUid({
            nodeId: onlySource ? "only" : from.nodeId,
            uid: from.uid,
            onlySource,
            ...(whole ? {} : { chunk: from.chunk }),
          });
        const same =
          one.uid === other.uid && (onlySource || one.nodeId === other.nodeId) && (whole || one.chunk === other.chunk);
        expect(name(one) === name(other)).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });

  test("doesn't grow along a chain of nodes, and stays the same from run to run", () => {
    let uid = "start";
    for (let depth = 0; depth < 500; depth++) uid = consumerUid({ nodeId: "n", uid, chunk: 0, onlySource: false });
    expect(uid.length).toBeLessThanOrEqual(200);
    const long = consumerUid({ nodeId: "n", uid: "y".repeat(300), onlySource: true });
    expect(long).toBe(`${"y".repeat(120)}#9637cfead94a85e03a7ea004468a639f68a872e98696b90a023e13f42b8a0ad1`);
  });
});
