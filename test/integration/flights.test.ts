import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { FlowError, validateGraph } from "flowkit";
import { createEngine, type TaskEvent } from "flowkit/engine";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { datasetFiles } from "../../examples/flights/dataset.ts";
import { flights } from "../../examples/flights/flow.ts";
import type { Report } from "../../examples/flights/report.ts";
import { renderReport } from "../../examples/flights/report-table.ts";
import { writeOutput } from "../../examples/flights/write-output.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "flights-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Run {
  readonly report: Report;
  readonly events: readonly TaskEvent[];
}

async function runFlights(params: { readonly flights?: string; readonly airports?: string } = {}): Promise<Run> {
  await using engine = await createEngine({ handlers: flights.handlers });
  const task = await engine.run(flights, {
    params: { flights: datasetFiles.flights, airports: datasetFiles.airports, ...params },
  });
  const events: TaskEvent[] = [];
  for await (const event of task.events({ sampleMs: 20 })) events.push(event);
  const { report: result } = await task.result();
  const reports: Report[] = [];
  for await (const report of task.artifacts("report")) reports.push(report);
  const [report, ...others] = reports;
  if (report === undefined || others.length > 0) throw new Error(`${reports.length} reports`);
  expect(result).toEqual({ rows: report.rows, bad: report.bad });
  return { report, events };
}

const Rows = z.array(
  z.object({ date: z.string(), delay: z.number(), distance: z.number(), origin: z.string(), destination: z.string() }),
);

describe("over the whole data set", () => {
  let run: Run;
  let rows: z.infer<typeof Rows>;
  beforeAll(async () => {
    run = await runFlights();
    rows = Rows.parse(JSON.parse(await readFile(datasetFiles.flights, "utf8")));
  });

  test("every row is accounted for", () => {
    const { report } = run;
    expect(report.rows).toBe(20_000);
    expect(report.total.flights + report.bad).toBe(20_000);
    for (const groups of [report.origins, report.hours, report.delays]) {
      expect(groups.reduce((sum, group) => sum + group.flights, 0)).toBe(report.total.flights);
    }
  });

  test("the numbers equal those of a plain loop over the file", () => {
    const origins = new Map<string, { flights: number; minutes: number; late: number }>();
    const hours = new Map<number, { flights: number; minutes: number; late: number }>();
    const add = <K>(groups: Map<K, { flights: number; minutes: number; late: number }>, key: K, delay: number) => {
      const group = groups.get(key) ?? { flights: 0, minutes: 0, late: 0 };
      groups.set(key, group);
      group.flights++;
      group.minutes += delay;
      if (delay >= 15) group.late++;
    };
    for (const row of rows) {
      add(origins, row.origin, row.delay);
      add(hours, new Date(row.date).getHours(), row.delay);
    }
    expect(run.report.origins).toHaveLength(origins.size);
    for (const { origin, flights, meanDelay, lateShare } of run.report.origins) {
      const expected = origins.get(origin);
      expect({ origin, flights, minutes: meanDelay * flights, late: lateShare * flights }).toEqual({
        origin,
        flights: expected?.flights,
        minutes: expect.closeTo(expected?.minutes ?? Number.NaN, 6),
        late: expect.closeTo(expected?.late ?? Number.NaN, 6),
      });
    }
    expect(run.report.hours.map(({ hour }) => hour)).toEqual([...hours.keys()].sort((a, b) => a - b));
    for (const { hour, flights, meanDelay, lateShare } of run.report.hours) {
      const expected = hours.get(hour);
      expect(flights).toBe(expected?.flights);
      expect(meanDelay * flights).toBeCloseTo(expected?.minutes ?? Number.NaN, 6);
      expect(lateShare * flights).toBeCloseTo(expected?.late ?? Number.NaN, 6);
    }
    for (const { from, flights } of run.report.delays) {
      expect(flights).toBe(rows.filter(({ delay }) => from <= delay && delay < from + 15).length);
    }
    expect(run.report.total.meanDelay).toBeCloseTo(rows.reduce((sum, row) => sum + row.delay, 0) / 20_000, 9);
    expect(run.report.total.lateShare).toBeCloseTo(rows.filter((row) => row.delay >= 15).length / 20_000, 9);
  });

  test("airports are joined by their code", () => {
    const byCode = new Map(run.report.origins.map(({ origin, airport }) => [origin, airport]));
    expect(byCode.get("JFK")).toMatchObject({ name: "John F Kennedy Intl", city: "New York", state: "NY" });
    expect(run.report.unknownAirports).toBe(0);
  });

  test("aggregation begins while the file is still being read", () => {
    const at = (nodeId: string, to: string) =>
      run.events.findIndex((event) => event.kind === "node" && event.nodeId === nodeId && event.to === to);
    expect(at("join", "running")).toBeGreaterThan(-1);
    expect(at("join", "running")).toBeLessThan(at("read", "finished"));
    expect(at("byHour", "running")).toBeLessThan(at("read", "finished"));
    expect(at("merge", "running")).toBeGreaterThan(at("byOrigin", "finished"));
  });

  test("its output can be read again", async () => {
    const paths = await writeOutput(folder, { report: run.report, graph: flights.compile() });
    const read = (name: string) => readFile(join(folder, name), "utf8");
    expect(paths).toEqual(["report.html", "results.json", "graph.json", "graph.mmd"].map((name) => join(folder, name)));
    const [page, results, graph, mermaid] = await Promise.all([
      read("report.html"),
      read("results.json"),
      read("graph.json"),
      read("graph.mmd"),
    ]);

    expect(JSON.parse(results)).toEqual(run.report);
    expect(validateGraph(JSON.parse(graph))).toMatchObject({ ok: true });
    expect(graph).not.toContain(datasetFiles.flights);
    for (const { node_id } of flights.compile().nodes) expect(mermaid).toContain(node_id);
    expect(page.match(/<svg/g)).toHaveLength(3);
    expect(page).toContain("John F Kennedy Intl");
    expect(page.replaceAll("http://www.w3.org/", "")).not.toMatch(/https?:|<link|@import|NaN|undefined/);
  });

  test("the terminal shows the same numbers", () => {
    const text = stripVTControlCharacters(renderReport(run.report));
    expect(text).toContain("20,000 flights from 220 airports");
    expect(text).toMatch(/JFK +John F Kennedy Intl, New York NY +200 +16\.2 min +34%/);
    expect(text).toContain("20,000 rows read, 0 bad");
  });
});

describe("over damaged files", () => {
  const good = { date: "2001/01/01 06:30", delay: 10, distance: 500, origin: "JFK", destination: "LAX" };

  async function fileOf(name: string, rows: unknown): Promise<string> {
    const file = join(folder, name);
    await writeFile(file, JSON.stringify(rows));
    return file;
  }

  test("bad rows are counted by reason, and flights of unknown airports are kept", async () => {
    const file = await fileOf("damaged.json", [
      ...Array.from({ length: 1200 }, () => good),
      { ...good, delay: "ten" },
      { ...good, delay: 99_999 },
      { ...good, date: "2001-01-01T06:30" },
      { ...good, date: "2001/01/01 24:30" },
      { ...good, distance: 0 },
      { ...good, destination: "Los Angeles" },
      { delay: 10, distance: 500, origin: "JFK", destination: "LAX" },
      "no row at all",
      null,
      { ...good, origin: "QQQ", delay: 40 },
      { ...good, origin: "QQQ", delay: 20 },
    ]);
    const { report } = await runFlights({ flights: file });
    expect(report.badByReason).toEqual({ bad_delay: 2, bad_date: 3, bad_distance: 1, bad_destination: 1, bad_row: 2 });
    expect(report).toMatchObject({ rows: 1211, bad: 9, unknownAirports: 2 });
    expect(report.total.flights).toBe(1202);
    expect(report.origins).toMatchObject([
      { origin: "QQQ", airport: null, flights: 2, meanDelay: 30, lateShare: 1 },
      { origin: "JFK", flights: 1200, meanDelay: 10, lateShare: 0 },
    ]);
    expect(stripVTControlCharacters(renderReport(report))).toMatch(/1,211 rows read, 9 bad:\n +bad_delay +2\n/);
  });

  test("a file without flights gives an empty report", async () => {
    const { report } = await runFlights({ flights: await fileOf("empty.json", []) });
    expect(report).toMatchObject({ rows: 0, bad: 0, total: { flights: 0, meanDelay: 0, lateShare: 0 }, origins: [] });
    expect(renderReport(report)).toContain("0 flights");
  });

  test.for([
    {
      what: "a file of something else",
      params: async () => ({ flights: await fileOf("other.json", [1, 2, 3]) }),
      nodeId: "clean",
      reasonCode: "mostly_bad_rows",
    },
    {
      what: "no file of flights",
      params: async () => ({ flights: join(folder, "none.json") }),
      nodeId: "read",
      reasonCode: "file_missing",
    },
    {
      what: "no file of airports",
      params: async () => ({ airports: join(folder, "none.csv") }),
      nodeId: "join",
      reasonCode: "file_missing",
    },
  ])("$what fails immediately with node and reason", async ({ params, nodeId, reasonCode }) => {
    const error = await runFlights(await params()).catch((error: unknown) => error);
    expect(FlowError.is(error, "TASK_FAILED")).toBe(true);
    expect(error).toMatchObject({ details: { nodeId, reasonCode } });
  });
});
