import { defineHandler, type ErrorClass, flow, PermanentError, param } from "flowkit";
import * as z from "zod";
import { MovieDatabase } from "./database.ts";
import { judge, Movie, Reject, readRows } from "./movie.ts";

const Rows = z.object({ from: z.int().positive(), rows: z.array(z.json()) });
const Judged = z.object({ movies: z.array(Movie), rejects: z.array(Reject) });
const Counts = z.object({ movies: z.int(), rejects: z.int() });

/** Extract. The uid of a batch is its first row, so that a further attempt skips the stored ones. */
const read = defineHandler("movies.read", {
  args: z.object({ file: z.string(), batchSize: z.int().positive() }),
  output: Rows,
  async *iterBatches({ file, batchSize }) {
    const rows = await readRows(file);
    for (let at = 0; at < rows.length; at += batchSize) {
      yield { uid: `row-${at + 1}`, payload: { from: at + 1, rows: rows.slice(at, at + batchSize) } };
    }
  },
});

/** Transform. A bad row is an output like a good one: throwing would fail the import. */
const check = defineHandler("movies.check", {
  input: Rows,
  output: Judged,
  processBatch({ from, rows }) {
    const judged = rows.map((row, index) => judge(from + index, row));
    return {
      movies: judged.flatMap((row) => ("movie" in row ? [row.movie] : [])),
      rejects: judged.flatMap((row) => ("reject" in row ? [row.reject] : [])),
    };
  },
});

/** A locked database is retried; an unusable one is not. */
function databaseError(error: unknown): ErrorClass<"database_busy" | "database_error"> | undefined {
  if (!(error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR" && "errcode" in error)) return;
  const busy = error.errcode === 5;
  return { code: busy ? "database_busy" : "database_error", permanent: !busy };
}

/**
 * Load. If the process crashes after the commit and before the engine has stored the output, the batch is processed
 * again, with the same key.
 */
export const load = defineHandler("movies.load", {
  args: z.object({ database: z.string() }),
  input: Judged,
  output: Counts,
  errors: ["database_busy", "database_error"],
  external: "writes",
  loadInput({ database: file }, ctx) {
    const database = new MovieDatabase(file);
    ctx.onCleanup(() => database.close());
    return database;
  },
  processBatch({ movies, rejects }, ctx) {
    const isNew = ctx.loaded.load({ key: ctx.idempotencyKey, movies, rejects });
    if (!isNew) ctx.logger.info({ batch: ctx.uid }, "loaded before");
    return { movies: movies.length, rejects: rejects.length };
  },
  classifyError: databaseError,
});

/** The last node: checks that nothing was lost. */
const report = defineHandler("movies.report", {
  args: z.object({ database: z.string() }),
  input: z.object({ load: z.array(Counts) }),
  output: Counts.extend({
    genres: z.array(z.object({ genre: z.string(), movies: z.int(), gross: z.int() })),
    reasons: z.array(z.object({ reason: z.string(), rows: z.int() })),
  }),
  errors: ["rows_lost", "database_busy", "database_error"],
  external: "reads",
  processBatch({ load }, ctx) {
    const database = new MovieDatabase(ctx.args.database);
    ctx.onCleanup(() => database.close());
    const sent = {
      movies: load.reduce((sum, { movies }) => sum + movies, 0),
      rejects: load.reduce((sum, { rejects }) => sum + rejects, 0),
    };
    const there = { movies: database.count("movies"), rejects: database.count("rejects") };
    if (there.movies !== sent.movies || there.rejects !== sent.rejects) {
      throw new PermanentError(
        "rows_lost",
        `sent ${JSON.stringify(sent)}, but the tables contain ${JSON.stringify(there)}`,
      );
    }
    return { ...there, genres: [...database.genres()], reasons: [...database.reasons()] };
  },
  classifyError: databaseError,
});

export const movies = flow("movies", {
  params: z.object({ file: z.string(), database: z.string(), batchSize: z.int().positive() }),
})
  .node("read", read, { args: { file: param("file"), batchSize: param("batchSize") } })
  .then("check", check, { startWhen: "first_batch" })
  .then("load", load, { args: { database: param("database") }, startWhen: "first_batch", retry: { backoffSec: 1 } })
  .then("report", report, { args: { database: param("database") }, input: { adapter: "pull.gather" } });
