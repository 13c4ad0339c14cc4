import { DatabaseSync } from "node:sqlite";
import type { Movie, Reject } from "./movie.ts";

export interface Batch {
  /** Identifies the batch at every attempt. */
  readonly key: string;
  readonly movies: readonly Movie[];
  readonly rejects: readonly Reject[];
}

/** The target database, in a separate file. It is independent of FlowKit. */
export class MovieDatabase {
  readonly #database: DatabaseSync;

  constructor(file: string) {
    this.#database = new DatabaseSync(file, { timeout: 5_000 });
    this.#database.exec(`
      PRAGMA journal_mode = WAL;
      CREATE TABLE IF NOT EXISTS movies (
        row INTEGER PRIMARY KEY, title TEXT NOT NULL, released TEXT NOT NULL, genre TEXT, director TEXT, budget INTEGER,
        gross INTEGER NOT NULL, rating REAL
      ) STRICT;
      CREATE TABLE IF NOT EXISTS rejects (row INTEGER PRIMARY KEY, reason TEXT NOT NULL, content TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS genres (genre TEXT PRIMARY KEY, movies INTEGER NOT NULL, gross INTEGER NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS loaded (key TEXT PRIMARY KEY) STRICT;
    `);
  }

  /**
   * Loads a batch in one transaction; does nothing if it was loaded before. The sums in `genres` are not idempotent, unlike
   * replacing rows, so the key of the batch is stored with them.
   *
   * @returns whether the batch was loaded by this call
   */
  load({ key, movies, rejects }: Batch): boolean {
    const database = this.#database;
    database.exec("BEGIN IMMEDIATE");
    try {
      const isNew = database.prepare("INSERT INTO loaded VALUES (?) ON CONFLICT DO NOTHING").run(key).changes === 1;
      if (isNew) this.#write(movies, rejects);
      database.exec("COMMIT");
      return isNew;
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
  }

  #write(movies: readonly Movie[], rejects: readonly Reject[]): void {
    const movie = this.#database.prepare("INSERT INTO movies VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    const sum = this.#database.prepare(
      "INSERT INTO genres VALUES (?, 1, ?) ON CONFLICT DO UPDATE SET movies = movies + 1, gross = gross + excluded.gross",
    );
    for (const { row, title, released, genre, director, budget, gross, rating } of movies) {
      movie.run(row, title, released, genre, director, budget, gross, rating);
      sum.run(genre ?? "(none)", gross);
    }
    const reject = this.#database.prepare("INSERT INTO rejects VALUES (?, ?, ?)");
    for (const { row, reason, content } of rejects) reject.run(row, reason, JSON.stringify(content));
  }

  count(table: "movies" | "rejects"): number {
    return Number(this.#database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
  }

  /** Highest gross first. */
  genres(): readonly { readonly genre: string; readonly movies: number; readonly gross: number }[] {
    return this.#database
      .prepare("SELECT genre, movies, gross FROM genres ORDER BY gross DESC")
      .all()
      .map(({ genre, movies, gross }) => ({ genre: String(genre), movies: Number(movies), gross: Number(gross) }));
  }

  /** Number of rejected rows by reason, most frequent first. */
  reasons(): readonly { readonly reason: string; readonly rows: number }[] {
    return this.#database
      .prepare("SELECT reason, count(*) AS n FROM rejects GROUP BY reason ORDER BY n DESC, reason")
      .all()
      .map(({ reason, n }) => ({ reason: String(reason), rows: Number(n) }));
  }

  close(): void {
    this.#database.close();
  }
}
