import type { Airport } from "./records.ts";

const whole = new Intl.NumberFormat("en-US");
const oneDigit = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const share = new Intl.NumberFormat("en-US", { style: "percent", maximumFractionDigits: 0 });

/** 20000 -> "20,000" */
export const count = (value: number): string => whole.format(value);
/** 12.04 -> "12.0" */
export const minutes = (value: number): string => oneDigit.format(value);
/** 0.187 -> "19%" */
export const percent = (value: number): string => share.format(value);

/** "Chicago O'Hare International, Chicago IL" */
export function airportLabel(airport: Airport | null): string {
  if (airport === null) return "(not in the list of airports)";
  const place = [airport.city, airport.state].filter((part) => part !== null).join(" ");
  return place === "" ? airport.name : `${airport.name}, ${place}`;
}
