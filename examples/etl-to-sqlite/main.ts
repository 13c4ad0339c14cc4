import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { sqliteStore } from "flowkit/adapters/sqlite";
import { createEngine } from "flowkit/engine";
import { movies } from "./flow.ts";
import { moviesFile } from "./movie.ts";

// node examples/etl-to-sqlite/main.ts [--out folder] [file.json]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: "string", default: fileURLToPath(new URL("out", import.meta.url)) } },
});
const [file = moviesFile] = positionals;
const database = join(values.out, "movies.db");
await mkdir(values.out, { recursive: true });

await using engine = await createEngine({ handlers: movies.handlers, store: sqliteStore(join(values.out, "runs.db")) });
// One key, one import: after a crash, a restart continues the same task.
const task = await engine.run(movies, { params: { file, database, batchSize: 100 }, idempotencyKey: file });
for await (const { movies, rejects, genres, reasons } of task.artifacts("report")) {
  console.log(`${movies} films and ${rejects} rejected rows are in ${relative(".", database)}\n`);
  for (const { genre, movies, gross } of genres.slice(0, 5)) {
    console.log(
      `${genre.padEnd(20)} ${String(movies).padStart(5)} films ${(gross / 1e9).toFixed(1).padStart(7)} billion dollars`,
    );
  }
  console.log("\nrejected:");
  for (const { reason, rows } of reasons) console.log(`${String(rows).padStart(5)}  ${reason}`);
}
