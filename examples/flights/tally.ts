import type { DelayTally, HourTally, LocatedFlight, OriginTally, Tally } from "./records.ts";

/** A flight is late if it arrives this many minutes after its scheduled time, as in US statistics. */
export const lateFromMinutes = 15;
/** Width of a bar of the delay distribution. */
export const delayStepMinutes = 15;

export const tallyByOrigin = (flights: readonly LocatedFlight[]): OriginTally[] =>
  merge(
    flights.map((flight) => ({ ...tallyOf(flight), origin: flight.origin, airport: flight.airport })),
    (tally) => tally.origin,
  );

export const tallyByHour = (flights: readonly LocatedFlight[]): HourTally[] =>
  merge(
    flights.map((flight) => ({ ...tallyOf(flight), hour: Number(flight.date.slice(11, 13)) })),
    (tally) => tally.hour,
  );

export const tallyByDelay = (flights: readonly LocatedFlight[]): DelayTally[] =>
  merge(
    flights.map((flight) => ({
      ...tallyOf(flight),
      from: Math.floor(flight.delay / delayStepMinutes) * delayStepMinutes,
    })),
    (tally) => tally.from,
  );

/**
 * Merges tallies with equal keys.
 *
 * @example
 * merge([{ hour: 6, flights: 2, … }, { hour: 7, flights: 1, … }, { hour: 6, flights: 3, … }], (tally) => tally.hour)
 * // [{ hour: 6, flights: 5, … }, { hour: 7, flights: 1, … }]
 */
export function merge<T extends Tally>(tallies: readonly T[], keyOf: (tally: T) => string | number): T[] {
  const merged = new Map<string | number, T>();
  for (const tally of tallies) {
    const known = merged.get(keyOf(tally));
    merged.set(keyOf(tally), known === undefined ? tally : { ...known, ...sum(known, tally) });
  }
  return [...merged.values()];
}

const tallyOf = (flight: LocatedFlight): Tally => ({
  flights: 1,
  delayMinutes: flight.delay,
  late: flight.delay >= lateFromMinutes ? 1 : 0,
});

const sum = (a: Tally, b: Tally): Tally => ({
  flights: a.flights + b.flights,
  delayMinutes: a.delayMinutes + b.delayMinutes,
  late: a.late + b.late,
});
