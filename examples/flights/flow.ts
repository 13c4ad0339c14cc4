import { defineHandler, flow, PermanentError, param } from "flowkit";
import * as z from "zod";
import { fileMissing, readAirports, readFlightRows } from "./dataset.ts";
import { BadRow, DelayTally, Flight, HourTally, LocatedFlight, OriginTally, Totals } from "./records.ts";
import { makeReport, Report } from "./report.ts";
import { merge, tallyByDelay, tallyByHour, tallyByOrigin } from "./tally.ts";

/** A source: produces batches of the number of rows given as an argument. */
const read = defineHandler("flights.read", {
  args: z.object({ file: z.string(), batchSize: z.int().positive() }),
  output: z.array(z.json()),
  errors: ["file_missing"],
  async *iterBatches({ file, batchSize }) {
    const rows = await readFlightRows(file);
    for (let start = 0; start < rows.length; start += batchSize) {
      yield { uid: `row-${start}`, payload: rows.slice(start, start + batchSize) };
    }
  },
  classifyError: fileMissing,
});

/** Separates flights from bad rows, which are kept and counted by reason. */
const clean = defineHandler("flights.clean", {
  input: z.array(z.json()),
  output: z.object({ flights: z.array(Flight), bad: z.array(BadRow) }),
  errors: ["mostly_bad_rows"],
  processBatch(rows, ctx) {
    const flights: Flight[] = [];
    const bad: BadRow[] = [];
    for (const row of rows) {
      const { data, error } = Flight.safeParse(row);
      if (data) flights.push(data);
      else bad.push({ reason: `bad_${error.issues[0]?.path[0]?.toString() ?? "row"}`, row });
    }
    if (bad.length > rows.length / 2) {
      throw new PermanentError(
        "mostly_bad_rows",
        `${bad.length} of ${rows.length} rows are bad: is this a list of flights?`,
      );
    }
    ctx.metrics.add("rows", rows.length);
    for (const { reason } of bad) ctx.metrics.add(reason, 1);
    return { flights, bad };
  },
});

/** Joins each flight with its airport of departure. The airports are loaded once, before the first batch. */
const locate = defineHandler("flights.locate", {
  args: z.object({ airports: z.string() }),
  input: z.array(Flight),
  output: z.array(LocatedFlight),
  errors: ["file_missing"],
  loadInput: ({ airports }) => readAirports(airports),
  processBatch(flights, ctx) {
    const located = flights.map((flight) => ({ ...flight, airport: ctx.loaded.get(flight.origin) ?? null }));
    ctx.metrics.add("unknown_airport", located.filter(({ airport }) => airport === null).length);
    return located;
  },
  classifyError: fileMissing,
});

// Three aggregations of the same flights. Each batch gives partial sums while the file is still being read.
const tallyOrigins = defineHandler("flights.tally_origins", {
  input: z.array(LocatedFlight),
  output: z.array(OriginTally),
  processBatch: tallyByOrigin,
});
const tallyHours = defineHandler("flights.tally_hours", {
  input: z.array(LocatedFlight),
  output: z.array(HourTally),
  processBatch: tallyByHour,
});
const tallyDelays = defineHandler("flights.tally_delays", {
  input: z.array(LocatedFlight),
  output: z.array(DelayTally),
  processBatch: tallyByDelay,
});

/** Merges the partial sums, which it receives all at once, under the aliases of their sources. */
const sumUp = defineHandler("flights.sum_up", {
  input: z.object({
    origins: z.array(z.array(OriginTally)),
    hours: z.array(z.array(HourTally)),
    delays: z.array(z.array(DelayTally)),
    quality: z.array(z.object({ metrics: z.record(z.string(), z.int()) })),
  }),
  output: Totals,
  processBatch({ origins, hours, delays, quality }) {
    const { rows = 0, ...badByReason } = Object.fromEntries(quality.flatMap(({ metrics }) => Object.entries(metrics)));
    return {
      rows,
      badByReason,
      origins: merge(origins.flat(), ({ origin }) => origin),
      hours: merge(hours.flat(), ({ hour }) => hour),
      delays: merge(delays.flat(), ({ from }) => from),
    };
  },
});

/** The last node: its only batch is the report, its result the number of rows. Every row is accounted for. */
const report = defineHandler("flights.report", {
  input: Totals,
  output: Report,
  result: z.object({ rows: z.int(), bad: z.int() }),
  errors: ["rows_lost"],
  processBatch(totals, ctx) {
    const report = makeReport(totals);
    const lost = report.rows - report.bad - report.total.flights;
    if (lost !== 0) throw new PermanentError("rows_lost", `${lost} rows are neither flights nor bad`);
    ctx.metrics.add("rows", report.rows);
    ctx.metrics.add("bad", report.bad);
    return report;
  },
  async finalize(ctx) {
    const { rows = 0, bad = 0 } = await ctx.metrics.totals();
    return { rows, bad };
  },
});

/** Files may be on a disk that is temporarily unavailable. */
const readingRetry = { max: 3, backoffSec: 1 };

const FlightFiles = z.object({ flights: z.string(), airports: z.string() });
export type FlightFiles = z.infer<typeof FlightFiles>;

export const flights = flow("flights", { params: FlightFiles })
  .node("read", read, { args: { file: param("flights"), batchSize: 500 }, retry: readingRetry })
  .then("clean", clean, { startWhen: "first_batch" })
  .then("join", locate, {
    args: { airports: param("airports") },
    input: { adapter: "pull.from_artifacts.rechunk:size", metaListKey: "flights", size: 200 },
    startWhen: "first_batch",
    retry: readingRetry,
  })
  .node("byOrigin", tallyOrigins, { after: ["join"], startWhen: "first_batch" })
  .node("byHour", tallyHours, { after: ["join"], startWhen: "first_batch" })
  .node("byDelay", tallyDelays, { after: ["join"], startWhen: "first_batch" })
  .fn("quality", "metrics.aggregate", { after: ["clean"], args: { nodeId: "clean" } })
  .node("merge", sumUp, {
    after: ["byOrigin", "byHour", "byDelay", "quality"],
    input: {
      adapter: "pull.gather",
      from: { origins: "byOrigin", hours: "byHour", delays: "byDelay", quality: "quality" },
    },
  })
  .then("report", report);
