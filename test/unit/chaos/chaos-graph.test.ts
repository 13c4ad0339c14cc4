import { expect, test } from "vitest";
import { externalFindings } from "../../../src/core/interop/nodes.ts";
import { builtInCoordinatorFns } from "../../../src/definitions/index.ts";
import { parseGraph } from "../../../src/graph/index.ts";
import { partsAdapter } from "../../../src/testing/cluster/computation.ts";
import { workerTypes } from "../../../src/testing/cluster/random-graph.ts";
import { SeededRandom } from "../../../src/testing/scheduler/seeded-random.ts";
import { chaosGraph } from "../../chaos/chaos-graph.ts";
import { shared } from "../../chaos/process-spec.ts";

const known = {
  types: [...workerTypes, ...shared.externalTypes],
  functions: [...builtInCoordinatorFns.values()],
  adapters: [partsAdapter],
};
const external = { types: new Set<string>(shared.externalTypes), restarting: new Set<string>() };

test("the graphs of a chaos run are valid, and draw everything", () => {
  const drawn: string[] = [];
  for (let seed = 1; seed <= 400; seed++) {
    const graph = parseGraph(chaosGraph(new SeededRandom(seed)), known);
    expect(externalFindings(graph, external), `seed ${seed}`).toEqual([]);
    for (const { type, when, optional, delay_sec, io } of graph.nodes) {
      drawn.push(type, io?.fn ?? "", io?.start_when ?? "", io?.settled ? "settled" : "");
      drawn.push(when === undefined ? "" : "when", optional ? "optional" : "", delay_sec === undefined ? "" : "delay");
    }
  }
  const counts = Object.fromEntries(
    ["external", "flow", "settled", "wait.signal", "ended", "when", "optional", "delay"].map((what) => [
      what,
      drawn.filter((each) => each === what).length > 10,
    ]),
  );
  expect(Object.values(counts), JSON.stringify(counts)).not.toContain(false);
});
