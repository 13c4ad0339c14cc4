/*
 * The import of `examples/etl-to-sqlite` in a process that kills itself after committing this many batches, before the
 * engine stores the last one: `node killed-import.ts FOLDER FILE BATCHES`. Prints the batches that it loaded.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { sqliteStore } from "flowkit/adapters/sqlite";
import { createEngine } from "flowkit/engine";
import { load, movies } from "../../../../examples/etl-to-sqlite/flow.ts";

const [folder = "", file = "", batches = ""] = process.argv.slice(2);
let left = Number(batches);

const dying: typeof load = {
  ...load,
  processBatch(batch, ctx) {
    const counts = load.processBatch?.(batch, ctx);
    writeSync(1, `loaded ${ctx.uid}\n`);
    if (--left === 0) process.kill(process.pid, "SIGKILL");
    return counts;
  },
};

const engine = await createEngine({
  handlers: { ...movies.handlers, [load.name]: dying },
  store: sqliteStore(join(folder, "runs.db")),
});
const params = { file, database: join(folder, "movies.db"), batchSize: 100 };
const task = await engine.run(movies, { params, idempotencyKey: file });
await task.result();
