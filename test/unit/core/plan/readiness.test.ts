import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ShardRecord, ShardStatus } from "../../../../src/core/model/records.ts";
import { isNodeClosed, isNodeFinished, planGraph, readiness } from "../../../../src/core/plan/index.ts";
import type { FanIn } from "../../../../src/graph/index.ts";
import { node, parsed } from "../../../helpers/graphs.ts";

type Parent = "absent" | "streams" | "finished" | "skipped" | "failed";
const state = (parent: Parent) => ({
  ended: parent !== "absent" && parent !== "streams",
  closed: parent !== "absent" && parent !== "streams",
  omitted: parent === "skipped" || parent === "failed",
  hasArtifact: parent !== "absent" && parent !== "skipped",
});

const sinkOf = (parents: number, options: { readonly fanIn: FanIn; readonly start?: "first_batch" | undefined }) => {
  const ids = Array.from({ length: parents }, (_, nth) => `p${nth}`);
  const { fanIn, start } = options;
  const sink = node("sink", ids, { fan_in: fanIn, ...(start === undefined ? {} : { start }) });
  const plan = planGraph(parsed(...ids.map((id) => node(id)), sink)).byId.get("sink");
  if (plan === undefined) throw new Error("no sink");
  return { ids, plan };
};

describe("readiness", () => {
  test("every fan-in, start condition and state of up to three parents: as many satisfied as needed, no fewer", () => {
    const parentStates: Parent[] = ["absent", "streams", "finished", "skipped", "failed"];
    for (const count of [1, 2, 3]) {
      const combinations = Array.from({ length: 5 ** count }, (_, code) =>
        Array.from({ length: count }, (__, nth) => parentStates[Math.floor(code / 5 ** nth) % 5] as Parent),
      );
      const needs = new Map<FanIn, number>([
        ["all", count],
        ["any", 1],
        ...Array.from({ length: count }, (_, nth) => [`count:${nth + 1}`, nth + 1] as [FanIn, number]),
      ]);
      for (const [fanIn, needed] of needs) {
        for (const start of [undefined, "first_batch"] as const) {
          const { ids, plan } = sinkOf(count, { fanIn, start });
          for (const parents of combinations) {
            const streams = (parent: Parent | undefined) => start !== undefined && /streams|failed/.test(`${parent}`);
            const omits = (parent: Parent | undefined) => parent === "skipped" || parent === "failed";
            const satisfied = ids.filter((_, nth) => {
              const parent = parents[nth];
              return parent === "finished" || streams(parent) || (fanIn === "all" && omits(parent));
            });
            const countable = ids.filter((id, nth) => satisfied.includes(id) || !omits(parents[nth]));
            const verdict = readiness(plan, (id) => state(parents[ids.indexOf(id)] as Parent));
            const least = Math.min(needed, countable.length);
            expect(verdict.ready, `${fanIn} ${start} ${parents}`).toBe(satisfied.length >= least);
            if (verdict.ready) expect(verdict.chosen).toEqual(fanIn === "all" ? undefined : satisfied);
            else {
              expect(verdict.waitingOn).toEqual(countable.filter((id) => !satisfied.includes(id)));
              expect(verdict.needed).toBe(least - satisfied.length);
            }
          }
        }
      }
    }
  });

  test("a root is ready; a waiting node reports what it waits for", () => {
    const plan = planGraph(parsed(node("root"), node("a", ["root"]), node("b", ["root"], { start: "first_batch" })));
    const verdicts = plan.nodes.map((each) => readiness(each, () => state("absent")));
    expect(verdicts).toEqual([
      { ready: true },
      { ready: false, reason: "waiting_for_parents", waitingOn: ["root"], needed: 1 },
      { ready: false, reason: "waiting_for_first_batch", waitingOn: ["root"], needed: 1 },
    ]);
  });

  test("a ready node stays ready, whatever else its parents reach", () => {
    const parents = fc.array(fc.constantFrom<Parent>("absent", "streams", "finished"), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        parents,
        fc.constantFrom<Parent>("finished", "skipped", "failed"),
        fc.nat(),
        fc.constantFrom(undefined, "first_batch" as const),
        fc.nat(),
        (before, ends, fan, start, moved) => {
          // A parent that has stored a batch is not skipped.
          const end = (parent: Parent): Parent => (parent === "absent" || ends !== "skipped" ? ends : "finished");
          const later = (parent: Parent): Parent =>
            parent === "absent" || parent === "streams" ? end(parent) : parent;
          const fanIn = (["all", "any", `count:${1 + (fan % before.length)}`] as const)[fan % 3] as FanIn;
          const { ids, plan } = sinkOf(before.length, { fanIn, start });
          const after = before.map((parent, nth) => (nth === moved % before.length ? later(parent) : parent));
          const at = (parents: readonly Parent[]) =>
            readiness(plan, (id) => state(parents[ids.indexOf(id)] as Parent)).ready;
          if (at(before)) expect(at(after)).toBe(true);
        },
      ),
    );
  });
});

test("a node is closed when all of its shards are: finished, skipped, or failed with a closed log", () => {
  const plan = planGraph(parsed(node("wide", [], { partitions: 2 }))).byId.get("wide");
  if (plan === undefined) throw new Error("no node");
  const closed = (...shards: Partial<ShardRecord>[]) => isNodeClosed(plan, shards as ShardRecord[]);
  const failed = { status: "failed", count: 3 } as const;
  expect(closed({ status: "finished", count: 1 }, failed)).toBe(true);
  expect(closed({ status: "skipped", count: 0 }, { status: "skipped", count: 0 })).toBe(true);
  expect(closed({ status: "finished", count: 1 }, { status: "failed" })).toBe(false);
  expect(closed({ status: "finished", count: 1 }, { status: "cancelled" })).toBe(false);
  expect(closed(failed)).toBe(false);
});

test("a node is finished when all of its shards are, and there are as many as it has partitions", () => {
  const plan = planGraph(parsed(node("wide", [], { partitions: 2 }))).byId.get("wide");
  if (plan === undefined) throw new Error("no node");
  const finished = (...statuses: ShardStatus[]) =>
    isNodeFinished(
      plan,
      statuses.map((status) => ({ status }) as ShardRecord),
    );
  expect(finished("finished", "finished")).toBe(true);
  for (const status of ["queued", "running", "deferred", "cancelling", "failed", "cancelled"] as const) {
    expect(finished("finished", status), status).toBe(false);
  }
  expect(finished("finished")).toBe(false);
  expect(finished()).toBe(false);
});
