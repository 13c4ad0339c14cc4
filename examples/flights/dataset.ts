import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parse } from "csv-parse/sync";
import * as z from "zod";
import { Airport } from "./records.ts";

/** Three months of flights in the United States in early 2001, from the npm package `vega-datasets`. */
const dataFile = (name: string) => fileURLToPath(new URL(`../data/${name}`, import.meta.resolve("vega-datasets")));

export const datasetFiles = {
  flights: dataFile("flights-20k.json"),
  airports: dataFile("airports.csv"),
  states: dataFile("us-10m.json"),
};

const Rows = z.array(z.json());

/** The rows of the file, not validated: the flow does that. */
export async function readFlightRows(file: string): Promise<z.infer<typeof Rows>> {
  return Rows.parse(JSON.parse(await readFile(file, "utf8")));
}

const unlessNotAvailable = z.string().transform((text) => (text === "NA" ? null : text));

const AirportRow = z
  .object({
    iata: z.string(),
    name: z.string(),
    city: unlessNotAvailable,
    state: unlessNotAvailable,
    latitude: z.coerce.number(),
    longitude: z.coerce.number(),
  })
  .transform(({ iata, ...airport }) => ({ code: iata, airport }));

/** Every airport by its three-character code. */
export async function readAirports(file: string): Promise<ReadonlyMap<string, Airport>> {
  const rows = z.array(AirportRow).parse(parse(await readFile(file), { columns: true }));
  return new Map(rows.map(({ code, airport }) => [code, Airport.parse(airport)]));
}

/** Makes a missing file a permanent error; other errors keep the engine's default. */
export function fileMissing(error: unknown) {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) return undefined;
  return { code: "file_missing", permanent: true } as const;
}
