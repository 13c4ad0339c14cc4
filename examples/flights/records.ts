import * as z from "zod";

/** A flight as it should be. What the data set calls `delay` is the delay on arrival, in minutes; early is negative. */
export const Flight = z.object({
  date: z.string().regex(/^\d{4}\/\d{2}\/\d{2} ([01]\d|2[0-3]):[0-5]\d$/),
  delay: z.int().min(-120).max(1440),
  distance: z.int().positive(),
  origin: z.string().regex(/^[A-Z0-9]{3}$/),
  destination: z.string().regex(/^[A-Z0-9]{3}$/),
});
export type Flight = z.infer<typeof Flight>;

/** A row that is no {@link Flight}: kept as it was, with the first thing that is wrong with it. */
export const BadRow = z.object({ reason: z.string(), row: z.json() });
export type BadRow = z.infer<typeof BadRow>;

/** An airport, with what the page needs to put it on the map. */
export const Airport = z.object({
  name: z.string(),
  /** Absent where the data set says "NA". */
  city: z.string().nullable(),
  state: z.string().nullable(),
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
});
export type Airport = z.infer<typeof Airport>;

/** A flight that knows where it took off; `null` where no airport has its code. */
export const LocatedFlight = Flight.extend({ airport: Airport.nullable() });
export type LocatedFlight = z.infer<typeof LocatedFlight>;

/** What is added up over any group of flights. Sums, not means: only sums can be merged. */
export const Tally = z.object({ flights: z.int(), delayMinutes: z.int(), late: z.int() });
export type Tally = z.infer<typeof Tally>;

export const OriginTally = Tally.extend({ origin: z.string(), airport: Airport.nullable() });
export type OriginTally = z.infer<typeof OriginTally>;

export const HourTally = Tally.extend({ hour: z.int().min(0).max(23) });
export type HourTally = z.infer<typeof HourTally>;

/** Flights whose delay falls into `[from, from + 15)` minutes. */
export const DelayTally = Tally.extend({ from: z.int() });
export type DelayTally = z.infer<typeof DelayTally>;

/** Everything that the report is made of, added up. */
export const Totals = z.object({
  origins: z.array(OriginTally),
  hours: z.array(HourTally),
  delays: z.array(DelayTally),
  /** Rows that were read, bad ones included. */
  rows: z.int(),
  badByReason: z.record(z.string(), z.int()),
});
export type Totals = z.infer<typeof Totals>;
