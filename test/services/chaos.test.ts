import { expect, test } from "vitest";
import { faultKinds } from "../chaos/faults.ts";
import { runChaos } from "../chaos/run-chaos.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { needsServices } from "./services.ts";

needsServices("kafka", "mongodb");

/** A new one each time: runs differ anyway. */
const seed = Date.now() % 1_000_000;

const title = "processes that are killed, paused and disconnected satisfy every law";

test(`${title}, seed ${seed}`, async () => {
  const output: string[] = [];
  const { broken, counts, faults } = await runChaos({
    seed,
    lastsMs: 15_000,
    tasks: Number.POSITIVE_INFINITY, // as many as there is time for
    open: 8,
    coordinators: 2,
    workers: 3,
    external: 1,
    kinds: faultKinds,
    folder: tempFolder(),
    say: (line) => output.push(line),
  });
  expect(broken, `npm run chaos -- --minutes 0.5 --open 8 --seed ${seed}\n${output.join("\n")}`).toEqual([]);
  const { created, again, finished, failed, cancelled, batches } = counts;
  expect(finished + failed + cancelled).toBe(created + again);
  expect(finished).toBeGreaterThan(0);
  expect(batches).toBeGreaterThan(0);
  expect(Object.keys(faults).length).toBeGreaterThan(2); // otherwise nothing was tested
}, 600_000);
