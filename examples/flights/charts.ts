import type { Config, TopLevelSpec } from "vega-lite";
import type { Report } from "./report.ts";
import { delayStepMinutes } from "./tally.ts";
import { airportLabel, count, minutes, percent } from "./wording.ts";

/*
 * Charts as inline SVG. Colours are CSS variables of the page, so that a chart works in light and in dark mode.
 */

const ink = { strong: "var(--ink)", soft: "var(--ink-soft)", line: "var(--line)", accent: "var(--accent)" };
/** Thresholds of the map's colours: mean delay in minutes, early to very late. */
const delaySteps = [0, 5, 10, 15];
const delayColours = ["var(--delay-0)", "var(--delay-1)", "var(--delay-2)", "var(--delay-3)", "var(--delay-4)"];

/** A mean over fewer flights is not meaningful: such points are not drawn. */
const minFlights = 10;

/** Territories outside the projection, which shows the fifty states. */
const offMap: ReadonlySet<string> = new Set(["AS", "GU", "MP", "PR", "VI"]);

/**
 * Airports by location, number of flights (size) and mean delay (colour). `statesTopology` is the TopoJSON of the
 * states.
 */
export function airportMap(report: Report, statesTopology: object): Promise<string> {
  const values = report.origins.flatMap(({ airport, ...numbers }) =>
    airport === null || numbers.flights < minFlights || offMap.has(airport.state ?? "")
      ? []
      : [{ ...numbers, ...airport, tip: tipOf(airportLabel(airport), numbers) }],
  );
  return draw({
    width: 900,
    height: 480,
    projection: { type: "albersUsa" },
    layer: [
      {
        data: { values: statesTopology, format: { type: "topojson", feature: "states" } },
        mark: { type: "geoshape", fill: "var(--land)", stroke: "var(--card)", strokeWidth: 1, aria: false },
      },
      {
        data: { values },
        mark: { type: "circle", opacity: 0.85, stroke: "var(--card)", strokeWidth: 0.75 },
        encoding: {
          longitude: { field: "longitude", type: "quantitative" },
          latitude: { field: "latitude", type: "quantitative" },
          size: {
            field: "flights",
            type: "quantitative",
            scale: { range: [12, 900], zero: true },
            legend: {
              title: "Flights",
              orient: "bottom",
              symbolFillColor: ink.soft,
              symbolStrokeWidth: 0,
              values: [50, 250, 1000],
            },
          },
          order: { field: "flights", sort: "descending" },
          color: {
            field: "meanDelay",
            type: "quantitative",
            scale: { type: "threshold", domain: delaySteps, range: delayColours },
            legend: { title: "Mean delay, minutes", orient: "bottom", symbolType: "circle" },
          },
          description: { field: "tip" },
        },
      },
    ],
  });
}

/** Mean delay by hour of departure, starting at five in the morning, so that late-night flights come last. */
export function delayByHour(report: Report): Promise<string> {
  const values = report.hours
    .filter(({ flights }) => flights >= minFlights)
    .map((hour) => ({ ...hour, label: `${hour.hour}`.padStart(2, "0"), tip: tipOf(`${hour.hour}:00`, hour) }))
    .sort((a, b) => ((a.hour + 19) % 24) - ((b.hour + 19) % 24));
  return draw({
    width: 400,
    height: 240,
    data: { values },
    mark: { type: "bar", color: ink.accent, cornerRadiusEnd: 2 },
    encoding: {
      x: {
        field: "label",
        type: "ordinal",
        sort: null,
        axis: { title: "Hour of departure", labelAngle: 0, labelOverlap: "parity" },
      },
      y: { field: "meanDelay", type: "quantitative", axis: { title: "Mean delay, minutes", tickCount: 5 } },
      description: { field: "tip" },
    },
  });
}

/** Number of flights by delay, in steps of 15 minutes. */
export function delayDistribution(report: Report): Promise<string> {
  const [lowest, highest] = [-45, 180];
  const bars = new Map<number, number>();
  for (const { from, flights } of report.delays) {
    const shown = Math.min(Math.max(from, lowest), highest);
    bars.set(shown, (bars.get(shown) ?? 0) + flights);
  }
  const values = [...bars].map(([from, flights]) => ({
    from,
    to: from + delayStepMinutes,
    flights,
    tip: `${from === highest ? `${from} min and more` : `${from} to ${from + delayStepMinutes} min`}: ${count(flights)} flights`,
  }));
  return draw({
    width: 400,
    height: 240,
    data: { values },
    mark: { type: "bar", color: ink.accent, cornerRadiusEnd: 2, stroke: "var(--card)", strokeWidth: 1.5 },
    encoding: {
      x: {
        field: "from",
        type: "quantitative",
        axis: { title: "Delay on arrival, minutes", values: [-45, 0, 45, 90, 135, 180], format: "d" },
      },
      x2: { field: "to" },
      y: { field: "flights", type: "quantitative", axis: { title: "Flights", tickCount: 5, format: ",d" } },
      y2: { datum: 0 },
      description: { field: "tip" },
    },
  });
}

const tipOf = (name: string, numbers: { flights: number; meanDelay: number; lateShare: number }): string =>
  `${name}: ${minutes(numbers.meanDelay)} min mean delay, ${percent(numbers.lateShare)} late, ${count(numbers.flights)} flights`;

const config: Config = {
  background: "transparent",
  font: "inherit",
  view: { stroke: null },
  axis: {
    labelColor: ink.soft,
    titleColor: ink.soft,
    titleFontWeight: "normal",
    labelFontSize: 11,
    titleFontSize: 12,
    titlePadding: 10,
    gridColor: ink.line,
    domain: false,
    ticks: false,
    labelPadding: 6,
  },
  axisX: { grid: false },
  legend: {
    titleLimit: 300,
    labelColor: ink.soft,
    titleColor: ink.soft,
    titleFontWeight: "normal",
    labelFontSize: 11,
    titleFontSize: 12,
  },
};

async function draw(spec: TopLevelSpec): Promise<string> {
  // Loaded only for drawing: running the flow does not need them.
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const view = new vega.View(vega.parse(compile(spec, { config }).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
