import { styleText } from "node:util";
import Table from "cli-table3";
import type { Report } from "./report.ts";
import { lateFromMinutes } from "./tally.ts";
import { airportLabel, count, minutes, percent } from "./wording.ts";

/** A mean over fewer flights is not meaningful: such airports are not ranked, and such hours have no bar. */
const minFlights = { origin: 100, hour: 30 };
const barWidth = 24;

/** The report for a terminal, with colours if the terminal supports them. */
export function renderReport(report: Report): string {
  return [heading(report), worstOrigins(report), byHour(report), badRows(report)].join("\n\n");
}

function heading({ total, origins }: Report): string {
  return [
    styleText("bold", `${count(total.flights)} flights from ${count(origins.length)} airports`),
    `${minutes(total.meanDelay)} min mean delay on arrival, ${percent(total.lateShare)} late by ${lateFromMinutes} min or more`,
  ].join("\n");
}

function worstOrigins({ origins }: Report): string {
  const worst = origins.filter(({ flights }) => flights >= minFlights.origin).slice(0, 12);
  const table = newTable(
    ["", "Worst origins", "Flights", "Mean delay", "Late", ""],
    ["left", "left", "right", "right", "right", "left"],
  );
  const longest = Math.max(...worst.map(({ meanDelay }) => meanDelay));
  for (const { origin, airport, flights, meanDelay, lateShare } of worst) {
    table.push([
      origin,
      airportLabel(airport),
      count(flights),
      `${minutes(meanDelay)} min`,
      percent(lateShare),
      bar(meanDelay / longest),
    ]);
  }
  return `${table}\n${styleText("dim", ` of the airports with at least ${minFlights.origin} flights`)}`;
}

function byHour({ hours }: Report): string {
  const table = newTable(
    ["Departure", "Flights", "Mean delay", "Late", ""],
    ["left", "right", "right", "right", "left"],
  );
  const longest = Math.max(
    ...hours.filter(({ flights }) => flights >= minFlights.hour).map(({ meanDelay }) => meanDelay),
  );
  for (const { hour, flights, meanDelay, lateShare } of hours) {
    table.push([
      `${String(hour).padStart(2, "0")}:00`,
      count(flights),
      `${minutes(meanDelay)} min`,
      percent(lateShare),
      flights < minFlights.hour ? styleText("dim", "few flights") : bar(meanDelay / longest),
    ]);
  }
  return table.toString();
}

function badRows({ rows, bad, badByReason, unknownAirports }: Report): string {
  const reasons = Object.entries(badByReason).map(([reason, rows]) => `  ${reason.padEnd(16)} ${count(rows)}`);
  return [
    `${count(rows)} rows read, ${count(bad)} bad${reasons.length > 0 ? ":" : ""}`,
    ...reasons,
    `${count(unknownAirports)} flights from an airport that is not in the list`,
  ].join("\n");
}

/** Eighths of a block, for smooth bars. */
function bar(share: number): string {
  const eighths = Math.max(0, Math.round(share * barWidth * 8));
  const text = "█".repeat(Math.floor(eighths / 8)) + (" ▏▎▍▌▋▊▉"[eighths % 8] ?? "").trim();
  return styleText("cyan", text);
}

const noLines = {
  ...{ top: "", "top-left": "", "top-mid": "", "top-right": "" },
  ...{ bottom: "", "bottom-left": "", "bottom-mid": "", "bottom-right": "" },
  ...{ left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " },
};

function newTable(head: readonly string[], colAligns: Table.HorizontalAlignment[]): Table.Table {
  return new Table({
    head: head.map((title) => styleText("dim", title)),
    colAligns,
    chars: noLines,
    // The library's own colours would remain in output to a file.
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
}
