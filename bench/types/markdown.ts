import { blockOf as blockBetween, writeBlock as writeBetween } from "../page-block.ts";
import { mistakeNames, mistakes } from "./mistakes.ts";
import type { Results } from "./results.ts";
import { whenCaught } from "./words.ts";

const marks = {
  begin: "<!-- peers:begin: written by `npm run bench:types -- --markdown` -->",
  end: "<!-- peers:end -->",
};

/** The part of the page with the tables; `undefined` if it has none. */
export const blockOf = (page: string): string | undefined => blockBetween(page, marks);

/** Writes the tables into a page. */
export const writeBlock = (file: string, results: Results): void => writeBetween(file, marks, tablesOf(results));

/** Both tables as Markdown. */
export function tablesOf({ libraries, node, cores, rounds, zod }: Results): string {
  const cases = [
    ["", ...libraries.map(({ title, version }) => `${title} ${version}`)],
    ...mistakeNames.map((name) => [mistakes[name], ...libraries.map(({ cases }) => whenCaught(cases[name]))]),
  ];
  const costs = libraries.flatMap(({ title, graphs }) =>
    graphs.map(({ form, instantiations, types, checkSeconds, memoryMiB, refused }) => [
      form === undefined ? title : `${title}, ${form}`,
      instantiations.toLocaleString("en"),
      types.toLocaleString("en"),
      `${checkSeconds.toFixed(1)} s`,
      `${memoryMiB} MiB`,
      refused === undefined ? "yes" : `no: ${refused.split(":")[0]}`,
    ]),
  );
  const [nodes] = new Set(libraries.flatMap(({ graphs }) => graphs.map((graph) => graph.nodes)));
  const compilers = [...new Set(libraries.map(({ typescript }) => typescript))].join(", ");
  return [
    table(cases),
    "",
    `A graph of ${nodes} nodes, each of which reads three others:`,
    "",
    table([["", "instantiations", "types", "check time", "memory", "compiles"], ...costs]),
    "",
    `TypeScript ${compilers}, zod ${zod}, Node ${node}, ${cores} cores; times are medians of ${rounds}.`,
    "",
  ].join("\n");
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}
