import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, inject, test, vi } from "vitest";
import { datasetFiles } from "../../examples/flights/dataset.ts";
import { runProcess } from "../helpers/run-process.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { uniquePrefix } from "./kafka/bus-tools.ts";
import { openStore } from "./mongodb/mongo-world.ts";
import { needsServices } from "./services.ts";

needsServices("kafka", "mongodb");

/** The test server takes a quarter of a second to insert a page of this data. */
const rows = 1_500;

async function demo(...args: readonly string[]) {
  const out = tempFolder();
  const program = ["--import", resolve("test/helpers/flowkit-from-source.ts"), resolve("examples/flights/main.ts")];
  const { exitCode, output } = await runProcess("node", [...program, "--out", out, ...args], { timeoutMs: 110_000 });
  expect(exitCode, output).toBe(0);
  return { results: readFileSync(join(out, "results.json"), "utf8"), output };
}

test("the demo gives the same results in four processes on Kafka and MongoDB as in one", async () => {
  const [url, prefix] = [inject("mongodbUrl"), uniquePrefix()];
  vi.stubEnv("KAFKA_BROKERS", inject("kafkaBrokers"));
  vi.stubEnv("MONGODB_URL", url);
  vi.stubEnv("FLIGHTS_PREFIX", prefix);
  const file = join(tempFolder(), "flights.json");
  const all = JSON.parse(readFileSync(datasetFiles.flights, "utf8")) as unknown[];
  writeFileSync(file, JSON.stringify(all.slice(0, rows)));
  const embedded = await demo(file);
  const distributed = await demo("--distributed", file);
  expect(JSON.parse(embedded.results)).toMatchObject({ rows });
  expect(distributed.results).toBe(embedded.results);
  const store = await openStore({ url, prefix: `${prefix}_`, database: "flowkit" });
  expect((await store.listTasks({ limit: 10 })).items).toMatchObject([{ name: "flights", status: "finished" }]);
  const report = ({ output }: { readonly output: string }) => output.slice(output.indexOf("flights from"));
  expect(report(distributed).split("\nwrote")[0]).toBe(report(embedded).split("\nwrote")[0]);
});
