import type { Machine } from "./machine.ts";
import { type Measurement, median, quantile, writesOf } from "./measure.ts";

/** A cell: a number, or text at the start of a row. */
type Rows = readonly (readonly string[])[];

export const machineLine = ({ cpu, cores, memoryGiB, node, platform, load }: Machine): string =>
  `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}, Node ${node}, load ${load}`;

const costColumns = [
  "case",
  "unit",
  "median us",
  "p10 us",
  "p90 us",
  "cpu us",
  "units/s",
  "x first",
  "x first, cpu",
  "heap peak MiB",
  "heap kept MiB",
  "kept B/unit",
  "writes/unit",
  "target",
] as const;

/** The cost of each case, per unit. */
export const costRows = (measurements: readonly Measurement[]): Rows => [costColumns, ...measurements.map(costRow)];

function costRow(measurement: Measurement): readonly string[] {
  const { name, unit, units, rounds, cpu, heapPeakMiB, heapKeptMiB, ratio, threadRatio, target } = measurement;
  const writes = writesOf(measurement);
  return [
    name,
    unit,
    ...[median(rounds), quantile(rounds, 0.1), quantile(rounds, 0.9), cpu].map(figures),
    Math.round(1e6 / median(rounds)).toLocaleString("en"),
    ...[ratio, threadRatio].map((times) => (times === undefined ? "" : times.toFixed(2))),
    heapPeakMiB.toFixed(0),
    heapKeptMiB.toFixed(0),
    Math.max(0, Math.round((heapKeptMiB * 2 ** 20) / units)).toLocaleString("en"),
    writes === 0 ? "" : writes.toFixed(2),
    target === undefined ? "" : `${target.text}: ${target.isMet ? "met" : "NOT MET"}`,
  ];
}

/** Store operations per unit, including reads, most frequent first. */
export const callRows = (measurements: readonly Measurement[]): Rows => [
  ["case", "store calls a unit"],
  ...measurements.filter(({ calls }) => Object.keys(calls).length > 0).map(callRow),
];

function callRow({ name, calls, units }: Measurement): readonly string[] {
  const shares = Object.entries(calls).map(([operation, count]) => [operation, count / units] as const);
  const shown = shares.filter(([, share]) => share >= 0.005).toSorted(([, a], [, b]) => b - a);
  return [name, shown.map(([operation, share]) => `${operation} ${share.toFixed(2)}`).join(", ")];
}

/** Three significant digits. */
export const figures = (number: number): string =>
  number >= 100 ? Math.round(number).toLocaleString("en") : number.toPrecision(3);

const isText = (column: string | undefined): boolean =>
  ["case", "unit", "target", "store calls a unit", "library", "workload", "verdict"].includes(column ?? "");

/** For a terminal. */
export function aligned(rows: Rows): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        isText(head[column]) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}

/** For a page. */
export function markdown([head = [], ...rows]: Rows): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${head.map((column) => (isText(column) ? "---|" : "--:|")).join("")}`, ...rows.map(line)].join(
    "\n",
  );
}
