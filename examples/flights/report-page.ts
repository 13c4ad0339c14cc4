import { readFile } from "node:fs/promises";
import { airportMap, delayByHour, delayDistribution } from "./charts.ts";
import { datasetFiles } from "./dataset.ts";
import type { Report } from "./report.ts";
import { lateFromMinutes } from "./tally.ts";
import { airportLabel, count, minutes, percent } from "./wording.ts";

const minFlights = 100;

/** The report as a self-contained HTML page. */
export async function renderPage(report: Report): Promise<string> {
  const [style, script, states] = await Promise.all([
    readFile(new URL("report-page.css", import.meta.url), "utf8"),
    readFile(new URL("report-page.js", import.meta.url), "utf8"),
    readFile(datasetFiles.states, "utf8"),
  ]);
  const [map, hours, delays] = await Promise.all([
    airportMap(report, JSON.parse(states)),
    delayByHour(report),
    delayDistribution(report),
  ]);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Flight delays</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
  <h1>Where flights were late</h1>
  <p>${count(report.total.flights)} flights in the United States: read, cleaned, joined with their airports and added up
  by one flow.</p>
</header>
<dl class="figures">
  ${figure("Flights", count(report.total.flights), `from ${count(report.origins.length)} airports`)}
  ${figure("Mean delay on arrival", `${minutes(report.total.meanDelay)} min`, "early counts as negative")}
  ${figure("Late", percent(report.total.lateShare), `by ${lateFromMinutes} minutes or more`)}
  ${figure("Rows read", count(report.rows), `${count(report.bad)} bad, ${count(report.unknownAirports)} without airport`)}
</dl>
${chart("Airports", "Circles grow with the number of flights, colours go from on time to late.", map)}
<div class="pair">
${chart("Delays grow during the day", "Mean delay by the hour of departure, early morning first.", hours)}
${chart("Most flights are not late", `${percent(earlyShare(report))} arrive early. The last bar is three hours and more.`, delays)}
</div>
<section class="card">
  <h2>Most delayed origins</h2>
  <p>Airports with at least ${minFlights} flights.</p>
  ${originTable(report)}
</section>
${report.bad === 0 ? "" : badRows(report)}
</main>
<script>${script}</script>
</body>
</html>
`;
}

const earlyShare = ({ delays, total }: Report): number =>
  delays.filter(({ from }) => from < 0).reduce((sum, { flights }) => sum + flights, 0) / total.flights;

const figure = (name: string, value: string, note: string): string =>
  `<div class="card"><dt>${name}</dt><dd>${value}</dd><dd class="note">${note}</dd></div>`;

const chart = (title: string, note: string, svg: string): string =>
  `<section class="card"><h2>${title}</h2><p>${note}</p><figure>${svg}</figure></section>`;

function originTable({ origins }: Report): string {
  const ranked = origins.filter(({ flights }) => flights >= minFlights).slice(0, 15);
  const longest = Math.max(...ranked.map(({ meanDelay }) => meanDelay));
  const rows = ranked.map(
    ({ origin, airport, flights, meanDelay, lateShare }) => `<tr>
  <th scope="row"><b>${escapeHtml(origin)}</b> ${escapeHtml(airportLabel(airport))}</th>
  <td>${count(flights)}</td><td>${percent(lateShare)}</td><td>${minutes(meanDelay)}</td>
  <td class="bar"><i style="width:${Math.max(0, (meanDelay / longest) * 100).toFixed(1)}%"></i></td>
</tr>`,
  );
  return `<table>
<thead><tr><th scope="col">Origin</th><th scope="col">Flights</th><th scope="col">Late</th><th scope="col">Mean delay</th><th></th></tr></thead>
<tbody>${rows.join("\n")}</tbody>
</table>`;
}

function badRows({ badByReason }: Report): string {
  const items = Object.entries(badByReason).map(([reason, rows]) => `<li>${escapeHtml(reason)}: ${count(rows)}</li>`);
  return `<section class="card"><h2>Bad rows</h2><ul>${items.join("")}</ul></section>`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
