import type { Machine } from "./machine.ts";
import { type Measurement, median } from "./measure.ts";

const columns = ["case", "median", "min", "max", "spread", "a second", "to first", "heap peak", "kept"] as const;

export function printTable(machine: Machine, measurements: readonly Measurement[]): void {
  const { cpu, cores, memoryGiB, node, platform, load } = machine;
  console.log(`${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}, Node ${node}, load ${load}\n`);
  const rows = [columns, ...measurements.map(row)];
  const widths = columns.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  for (const cells of rows) {
    const [name = "", ...numbers] = cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    console.log([name, ...numbers].join("  "));
  }
}

function row({ name, unit, rounds, heapPeakMiB, heapKeptMiB, ratio }: Measurement): readonly string[] {
  const middle = median(rounds);
  const [min = Number.NaN, max = Number.NaN] = [rounds[0], rounds.at(-1)];
  return [
    name,
    `${duration(middle)}/${unit}`,
    duration(min),
    duration(max),
    `${Math.round(((max - min) / middle) * 100)} %`,
    Math.round(1e6 / middle).toLocaleString("en"),
    ratio === undefined ? "" : `${ratio.toFixed(2)} x`,
    `${Math.round(heapPeakMiB)} MiB`,
    `${Math.round(heapKeptMiB)} MiB`,
  ];
}

function duration(microseconds: number): string {
  if (microseconds < 1000) return `${microseconds.toPrecision(3)} us`;
  return `${(microseconds / 1000).toPrecision(3)} ms`;
}
