import type { BlockMarks } from "../page-block.ts";
import { type Estimate, ratiosOf, spreadOf } from "../statistics.ts";
import { figures, machineLine, markdown } from "../table.ts";
import type { Outcome, SuiteResults } from "./results.ts";
import { shapes } from "./shapes.ts";

/** The parts of pages that the comparison writes. */
export const marks: BlockMarks = {
  begin: "<!-- bench-peers:begin: written by `npm run bench:peers -- --markdown` -->",
  end: "<!-- bench-peers:end -->",
};
export const pages = { "README.md": shortTables, "docs/performance.md": fullTables } as const;

type Field = "cold" | "warm" | "cpu";
type Measured = Extract<Outcome, { readonly runs: readonly unknown[] }>;
const isMeasured = (outcome: Outcome): outcome is Measured => "runs" in outcome;

const medianOf = ({ runs }: Measured, field: Field): string => figures(spreadOf(runs.map((run) => run[field])).median);
const nameOf = ({ title, version }: Outcome): string => (version === "" ? title : `${title} ${version}`);
const withSpread = ({ median, low, high }: Estimate): string =>
  `${figures(median)} (${figures(low)} to ${figures(high)})`;

/** A table per shape: each library's cost, and its ratio to the first one, which is FlowKit. */
export function fullTables(results: readonly SuiteResults[]): string {
  const parts = results.flatMap((suite) => [
    `### ${suite.title}`,
    circumstances(suite),
    ...suite.shapes.flatMap(({ shape, outcomes }) => {
      const { title, unit } = shapes[shape];
      return [`${title[0]?.toUpperCase()}${title.slice(1)}:`, markdown(shapeRows(outcomes, unit))];
    }),
    ...absentLines(suite),
  ]);
  return `\n${parts.join("\n\n")}\n\n`;
}

function shapeRows(outcomes: readonly Outcome[], unit: string): readonly (readonly string[])[] {
  const [first] = outcomes; // FlowKit, to which the others are compared
  const measures = [`cold, us/${unit}`, `warmed, us/${unit}`, `cpu, us/${unit}`];
  return [
    ["library", ...measures, "warmed, x FlowKit", "cpu, x FlowKit"],
    ...outcomes.map((outcome) => {
      if (!isMeasured(outcome)) return [nameOf(outcome), outcome.without, "", "", "", ""];
      const valuesOf = (field: Field, { runs }: Measured = outcome) => runs.map((run) => run[field]);
      const spread = (field: Field) => withSpread(spreadOf(valuesOf(field)));
      const ratio = (field: Field) =>
        first === undefined || !isMeasured(first) || outcome === first
          ? ""
          : withSpread(spreadOf(ratiosOf(valuesOf(field), valuesOf(field, first))));
      return [nameOf(outcome), spread("cold"), spread("warm"), spread("cpu"), ratio("warm"), ratio("cpu")];
    }),
  ];
}

/** One table per suite: a row per shape, with the medians of the time and of the CPU time. */
export function shortTables(results: readonly SuiteResults[]): string {
  const parts = results.flatMap((suite) => {
    const [{ outcomes: first } = { outcomes: [] }] = suite.shapes;
    const rows = suite.shapes.map(({ shape, outcomes }) => [
      `${shapes[shape].title}, us/${shapes[shape].unit}`,
      ...outcomes.map((outcome) =>
        isMeasured(outcome) ? `${medianOf(outcome, "warm")} (${medianOf(outcome, "cpu")})` : "none",
      ),
    ]);
    return [`${suite.title}:`, markdown([["workload", ...first.map(nameOf)], ...rows]), circumstances(suite)];
  });
  return `\n${parts.join("\n\n")}\n\n`;
}

const circumstances = ({ servers, machine, loadAtEnd, rounds, warmMs }: SuiteResults): string =>
  `${[machineLine(machine), ...servers].join("; ")}. Load average ${loadAtEnd} at the end. Medians of ${rounds} rounds, each in` +
  ` a new process, after ${warmMs / 1000} s of warming up.`;

function absentLines({ absent }: SuiteResults): readonly string[] {
  const lines = Object.entries(absent).map(([title, reason]) => `- ${title} is not measured: ${reason}.`);
  return lines.length === 0 ? [] : [lines.join("\n")];
}
