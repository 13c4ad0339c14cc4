import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createEngine } from "flowkit/engine";
import { expect, onTestFinished, test } from "vitest";
import { movies } from "../../../examples/etl-to-sqlite/flow.ts";
import { judge, moviesFile } from "../../../examples/etl-to-sqlite/movie.ts";
import { startProcess } from "../../helpers/run-process.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

interface Row {
  readonly Title: string | number | null;
  readonly "Release Date": string;
  readonly "Major Genre": string | null;
  readonly "Worldwide Gross": number | null;
}

function tables(folder: string) {
  const database = new DatabaseSync(join(folder, "movies.db"), { readOnly: true });
  onTestFinished(() => database.close());
  const all = (sql: string) =>
    database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  return {
    movies: all("SELECT row, title, released, gross FROM movies ORDER BY row"),
    rejects: all("SELECT row, content FROM rejects ORDER BY row"),
    genres: all("SELECT genre, movies, gross FROM genres ORDER BY genre"),
  };
}

/** The result of a plain loop over the file. */
function expected(rows: readonly Row[]): ReturnType<typeof tables> {
  const made: ReturnType<typeof tables> = { movies: [], rejects: [], genres: [] };
  const genres = new Map<string, { movies: number; gross: number }>();
  for (const [index, row] of rows.entries()) {
    const date = new Date(`${row["Release Date"]} UTC`);
    const gross = row["Worldwide Gross"];
    if (row.Title === null || gross === null || date.getUTCFullYear() > 2011) {
      made.rejects.push({ row: index + 1, content: JSON.stringify(row) });
      continue;
    }
    made.movies.push({ row: index + 1, title: `${row.Title}`, released: date.toISOString().slice(0, 10), gross });
    const genre = genres.get(row["Major Genre"] ?? "(none)") ?? { movies: 0, gross: 0 };
    genres.set(row["Major Genre"] ?? "(none)", { movies: genre.movies + 1, gross: genre.gross + gross });
  }
  const byName = [...genres].toSorted(([a], [b]) => (a < b ? -1 : 1));
  made.genres.push(...byName.map(([genre, sums]) => ({ genre, ...sums })));
  return made;
}

const onSource = resolve("test/helpers/flowkit-from-source.ts");
const start = (program: string, args: readonly string[]) =>
  startProcess(process.execPath, ["--import", onSource, resolve(program), ...args]);

test("loads every row once, though killed repeatedly between its commit and the engine's", async () => {
  const folder = tempFolder();
  const loaded: string[] = [];
  for (const batches of [1, 8, 12]) {
    const killed = start("test/integration/examples/programs/killed-import.ts", [folder, moviesFile, `${batches}`]);
    const { output } = await killed.outcome;
    expect(output).toContain("SIGKILL");
    loaded.push(...[...output.matchAll(/^loaded (\S+)$/gm)].map(([, uid = ""]) => uid));
  }
  expect(loaded).toHaveLength(1 + 8 + 12);
  expect(new Set(loaded).size).toBeLessThan(loaded.length); // batches that were committed but unknown to the engine were processed again

  const { exitCode, output } = await start("examples/etl-to-sqlite/main.ts", ["--out", folder]).outcome;
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  expect(output).toContain("3173 films and 28 rejected rows");
  const rows: Row[] = JSON.parse(readFileSync(moviesFile, "utf8"));
  expect(rows).toHaveLength(3_201);
  expect(tables(folder)).toEqual(expected(rows));
});

test("keeps every row of an invalid file, with the reason", async () => {
  const folder = tempFolder();
  const file = join(folder, "rows.json");
  const film = { Title: "M", "Release Date": "May 11 1931", "Major Genre": null, Director: null };
  const money = { "Production Budget": null, "Worldwide Gross": 10, "IMDB Rating": 8.6 };
  const rows = [
    { ...film, ...money },
    { ...film, ...money, "Release Date": "Feb 30 1931" },
    { ...film, ...money, "Worldwide Gross": "a lot" },
    { ...film, ...money, "IMDB Rating": 11 },
    "M, 1931",
  ];
  writeFileSync(file, JSON.stringify(rows));
  await using engine = await createEngine({ handlers: movies.handlers });
  const task = await engine.run(movies, { params: { file, database: join(folder, "movies.db"), batchSize: 2 } });
  const { report } = await task.result();
  expect(report).toMatchObject([{ movies: 1, rejects: 4, genres: [{ genre: "(none)", movies: 1, gross: 10 }] }]);
  expect(tables(folder).rejects).toEqual(
    rows.slice(1).map((row, index) => ({ row: index + 2, content: JSON.stringify(row) })),
  );
  const reasons = rows
    .map((row, index) => judge(index + 1, row))
    .map((row) => ("reject" in row ? row.reject.reason : ""));
  expect(reasons.map((reason) => reason.split(":")[0])).toEqual([
    "",
    "Release Date",
    "Worldwide Gross",
    "IMDB Rating",
    "row",
  ]);
});
