import type { BlockMarks } from "../page-block.ts";
import { type Estimate, ratiosOf, spreadOf } from "../statistics.ts";
import { figures, machineLine, markdown } from "../table.ts";
import type { Outcome, Results, SuiteResults } from "./results.ts";
import { shapes } from "./shapes.ts";

/** The parts of pages that the comparison writes. */
export const marks: BlockMarks = {
  begin: "<!-- bench-peers:begin: written by `npm run bench:peers -- --markdown` -->",
  end: "<!-- bench-peers:end -->",
};
export const pages = { "README.md": shortTables, "docs/performance.md": fullTables } as const;

type Measured = Extract<Outcome, { readonly runs: readonly unknown[] }>;
const isMeasured = (outcome: Outcome): outcome is Measured => "runs" in outcome;

const nameOf = ({ title, version }: Outcome): string => (version === "" ? title : `${title} ${version}`);
const withSpread = ({ median, low, high }: Estimate): string =>
  `${figures(median)} (${figures(low)} to ${figures(high)})`;

/** A table per shape: each library's cost, and its ratio to the first one, which is FlowKit. */
export function fullTables(results: Results): string {
  const parts = results.suites.flatMap((suite) => [
    `### ${suite.title}`,
    ...(suite.servers.length === 0 ? [] : [`On ${suite.servers.join(" and ")}, all on the same machine.`]),
    ...suite.shapes.flatMap(({ shape, outcomes }) => {
      const { title, unit } = shapes[shape];
      return [`${title[0]?.toUpperCase()}${title.slice(1)}:`, markdown(shapeRows(outcomes, unit))];
    }),
    ...absentLines(suite),
  ]);
  return `\n${[circumstances(results), ...parts].join("\n\n")}\n\n`;
}

function shapeRows(outcomes: readonly Outcome[], unit: string): readonly (readonly string[])[] {
  const first = outcomes.find(isMeasured);
  const head = ["library", `cold, us/${unit}`, `warmed, us/${unit}`, `cpu, us/${unit}`, "warmed, x FlowKit"];
  return [
    head,
    ...outcomes.map((outcome) => {
      if (!isMeasured(outcome)) return [nameOf(outcome), outcome.without, "", "", ""];
      const { runs } = outcome;
      const spread = (field: "cold" | "warm" | "cpu") => withSpread(spreadOf(runs.map((run) => run[field])));
      const base = first?.title.startsWith("FlowKit") ? first.runs : undefined;
      const ratio =
        base === undefined || outcome === first
          ? ""
          : withSpread(
              spreadOf(
                ratiosOf(
                  runs.map(({ warm }) => warm),
                  base.map(({ warm }) => warm),
                ),
              ),
            );
      return [nameOf(outcome), spread("cold"), spread("warm"), spread("cpu"), ratio];
    }),
  ];
}

/** One table per suite: a row per shape, with the medians only. */
export function shortTables(results: Results): string {
  const parts = results.suites.flatMap((suite) => {
    const [{ outcomes: first } = { outcomes: [] }] = suite.shapes;
    const rows = suite.shapes.map(({ shape, outcomes }) => [
      `${shapes[shape].title}, us/${shapes[shape].unit}`,
      ...outcomes.map((outcome) =>
        isMeasured(outcome) ? figures(spreadOf(outcome.runs.map(({ warm }) => warm)).median) : "none",
      ),
    ]);
    return [`${suite.title}:`, markdown([["workload", ...first.map(nameOf)], ...rows])];
  });
  return `${[...parts, circumstances(results)].join("\n\n")}\n`;
}

const circumstances = ({ machine, loadAtEnd, rounds, warmMs }: Results): string =>
  `${machineLine(machine)} at the start and ${loadAtEnd} at the end; medians of ${rounds} rounds, each in a new process,` +
  ` after ${warmMs / 1000} s of warming up.`;

function absentLines({ absent }: SuiteResults): readonly string[] {
  const lines = Object.entries(absent).map(([title, reason]) => `- ${title} is not measured: ${reason}.`);
  return lines.length === 0 ? [] : [lines.join("\n")];
}
