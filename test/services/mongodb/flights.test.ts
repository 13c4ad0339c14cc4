import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createEngine, type Store } from "flowkit/engine";
import { expect, inject, test } from "vitest";
import { datasetFiles } from "../../../examples/flights/dataset.ts";
import { flights } from "../../../examples/flights/flow.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { needsServices } from "../services.ts";
import { freshPrefix, openStore } from "./mongo-world.ts";

needsServices("mongodb");

/** The server for tests takes a quarter of a second to insert a page of this data. */
const rows = 3_000;

async function reportOf(file: string, store?: Store) {
  await using engine = await createEngine({ handlers: flights.handlers, ...(store === undefined ? {} : { store }) });
  const params = { flights: file, airports: datasetFiles.airports };
  const task = await engine.run(flights, { params });
  const artifacts: Record<string, number> = {};
  for (const { node_id: nodeId } of flights.compile().nodes) {
    artifacts[nodeId] = 0;
    for await (const _ of task.artifacts(nodeId as "report")) artifacts[nodeId]++;
  }
  return { result: await task.result(), artifacts };
}

test("the streaming demo has the same results on MongoDB as in memory", async () => {
  const store = await openStore({ url: inject("mongodbUrl"), prefix: freshPrefix() });
  const file = join(tempFolder(), "flights.json");
  const all = JSON.parse(readFileSync(datasetFiles.flights, "utf8")) as unknown[];
  writeFileSync(file, JSON.stringify(all.slice(0, rows)));
  const [stored, kept] = [await reportOf(file, store), await reportOf(file)];
  expect(stored).toEqual(kept);
  expect(Object.values(stored.artifacts).some((count) => count > 5)).toBe(true);
});
