import * as z from "zod";
import { Airport, type Tally, type Totals } from "./records.ts";

/** A tally with derived means and shares. */
const Punctuality = z.object({
  flights: z.int(),
  meanDelay: z.number(),
  /** Share of late flights, 0 to 1. */
  lateShare: z.number(),
});

export const Report = z.object({
  rows: z.int(),
  bad: z.int(),
  badByReason: z.record(z.string(), z.int()),
  /** Flights from an unknown airport. They count everywhere except on the map. */
  unknownAirports: z.int(),
  total: Punctuality,
  /** Most delayed first. */
  origins: z.array(Punctuality.extend({ origin: z.string(), airport: Airport.nullable() })),
  hours: z.array(Punctuality.extend({ hour: z.int() })),
  delays: z.array(z.object({ from: z.int(), flights: z.int() })),
});
export type Report = z.infer<typeof Report>;

export function makeReport({ origins, hours, delays, rows, badByReason }: Totals): Report {
  const total = {
    flights: sumOf(origins.map((tally) => tally.flights)),
    delayMinutes: sumOf(origins.map((tally) => tally.delayMinutes)),
    late: sumOf(origins.map((tally) => tally.late)),
  };
  const bad = sumOf(Object.values(badByReason));
  return {
    rows,
    bad,
    badByReason: { ...badByReason },
    unknownAirports: sumOf(origins.filter((tally) => tally.airport === null).map((tally) => tally.flights)),
    total: punctuality(total),
    origins: origins
      .map((tally) => ({ ...punctuality(tally), origin: tally.origin, airport: tally.airport }))
      .sort((a, b) => b.meanDelay - a.meanDelay || compareText(a.origin, b.origin)),
    hours: hours.map((tally) => ({ ...punctuality(tally), hour: tally.hour })).sort((a, b) => a.hour - b.hour),
    delays: delays.map(({ from, flights }) => ({ from, flights })).sort((a, b) => a.from - b.from),
  };
}

const punctuality = ({ flights, delayMinutes, late }: Tally) => ({
  flights,
  meanDelay: flights === 0 ? 0 : delayMinutes / flights,
  lateShare: flights === 0 ? 0 : late / flights,
});

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

/** By code unit, which is independent of the locale. */
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
