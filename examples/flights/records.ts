import * as z from "zod";

/** A valid flight. `delay` is the delay on arrival in minutes; negative if early. */
export const Flight = z.object({
  date: z.string().regex(/^\d{4}\/\d{2}\/\d{2} ([01]\d|2[0-3]):[0-5]\d$/),
  delay: z.int().min(-120).max(1440),
  distance: z.int().positive(),
  origin: z.string().regex(/^[A-Z0-9]{3}$/),
  destination: z.string().regex(/^[A-Z0-9]{3}$/),
});
export type Flight = z.infer<typeof Flight>;

/** A row that is not a {@link Flight}: kept unchanged, with the first problem found. */
export const BadRow = z.object({ reason: z.string(), row: z.json() });
export type BadRow = z.infer<typeof BadRow>;

/** An airport, with its location for the map. */
export const Airport = z.object({
  name: z.string(),
  /** Absent if the data set has "NA". */
  city: z.string().nullable(),
  state: z.string().nullable(),
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
});
export type Airport = z.infer<typeof Airport>;

/** A flight with its airport of departure; `null` if its code is unknown. */
export const LocatedFlight = Flight.extend({ airport: Airport.nullable() });
export type LocatedFlight = z.infer<typeof LocatedFlight>;

/** Sums over a group of flights. Not means, because only sums can be merged. */
export const Tally = z.object({ flights: z.int(), delayMinutes: z.int(), late: z.int() });
export type Tally = z.infer<typeof Tally>;

export const OriginTally = Tally.extend({ origin: z.string(), airport: Airport.nullable() });
export type OriginTally = z.infer<typeof OriginTally>;

export const HourTally = Tally.extend({ hour: z.int().min(0).max(23) });
export type HourTally = z.infer<typeof HourTally>;

/** Flights with a delay in `[from, from + 15)` minutes. */
export const DelayTally = Tally.extend({ from: z.int() });
export type DelayTally = z.infer<typeof DelayTally>;

/** All sums of the report. */
export const Totals = z.object({
  origins: z.array(OriginTally),
  hours: z.array(HourTally),
  delays: z.array(DelayTally),
  /** Rows read, including bad ones. */
  rows: z.int(),
  badByReason: z.record(z.string(), z.int()),
});
export type Totals = z.infer<typeof Totals>;
