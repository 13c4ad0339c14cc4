import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { sqliteStore } from "flowkit/adapters/sqlite";
import { createEngine } from "flowkit/engine";
import { type FlightFiles, flights } from "./flow.ts";

/**
 * Runs everything in this process.
 *
 * @param file - the SQLite file that keeps the run, so that the studio can show it; an earlier one is removed
 */
export async function startEmbedded(file: string) {
  await mkdir(dirname(file), { recursive: true });
  await Promise.all(["", "-wal", "-shm"].map((end) => rm(`${file}${end}`, { force: true })));
  const engine = await createEngine({ handlers: flights.handlers, store: sqliteStore(file) });
  return {
    run: (params: FlightFiles) => engine.run(flights, { params }),
    [Symbol.asyncDispose]: () => engine.stop(),
  };
}
