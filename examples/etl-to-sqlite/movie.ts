import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as z from "zod";

/** 3,201 films up to 2011 from the npm package `vega-datasets`, including their typing mistakes. */
export const moviesFile = fileURLToPath(new URL("../data/movies.json", import.meta.resolve("vega-datasets")));

const lastYear = 2011;

/** A film as stored in the database. `row` is its position in the file, from 1: the only key that every row has. */
export const Movie = z.object({
  row: z.int().positive(),
  title: z.string(),
  released: z.iso.date(),
  genre: z.string().nullable(),
  director: z.string().nullable(),
  /** In US dollars, like all amounts here. */
  budget: z.int().nullable(),
  gross: z.int(),
  /** 0 to 10. */
  rating: z.number().nullable(),
});
export type Movie = z.infer<typeof Movie>;

/** A row that is not a film: kept unchanged, with the reason. */
export const Reject = z.object({ row: z.int().positive(), reason: z.string(), content: z.json() });
export type Reject = z.infer<typeof Reject>;

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `Jun 12 1998`. Two-digit years have become 2039 for 1939, which cannot be told from a mistake. */
const released = z
  .string()
  .regex(/^[A-Z][a-z]{2} \d{2} \d{4}$/)
  .transform((text) => {
    const [month = "", day, year] = text.split(" ");
    return `${year}-${String(months.indexOf(month) + 1).padStart(2, "0")}-${day}`;
  })
  .pipe(z.iso.date())
  .refine((date) => Number(date.slice(0, 4)) <= lastYear, { error: "is after the last year of the data" });

const Row = z
  .object({
    // "300" was entered as a number.
    Title: z.union([z.string().min(1), z.number().transform(String)], { error: "is no title" }),
    "Release Date": released,
    "Major Genre": z.string().nullable(),
    Director: z.string().nullable(),
    "Production Budget": z.int().positive().nullable(),
    "Worldwide Gross": z.int().nonnegative(),
    "IMDB Rating": z.number().min(0).max(10).nullable(),
  })
  .transform((row) => ({
    title: row.Title,
    released: row["Release Date"],
    genre: row["Major Genre"],
    director: row.Director,
    budget: row["Production Budget"],
    gross: row["Worldwide Gross"],
    rating: row["IMDB Rating"],
  }));

/** @example judge(1, { Title: null, … }) // { reject: { row: 1, reason: "Title: …", content: { Title: null, … } } } */
export function judge(row: number, content: z.infer<ReturnType<typeof z.json>>): { movie: Movie } | { reject: Reject } {
  const { data, error } = Row.safeParse(content);
  if (data !== undefined) return { movie: { row, ...data } };
  const [issue] = error.issues;
  return { reject: { row, reason: `${issue?.path.join(".") || "row"}: ${issue?.message}`, content } };
}

const Rows = z.array(z.json());

export async function readRows(file: string): Promise<z.infer<typeof Rows>> {
  return Rows.parse(JSON.parse(await readFile(file, "utf8")));
}
