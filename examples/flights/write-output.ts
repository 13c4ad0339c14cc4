import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Graph, toMermaid } from "flowkit";
import type { Report } from "./report.ts";
import { renderPage } from "./report-page.ts";

/** Writes the output files of a run and returns their paths. */
export async function writeOutput(
  folder: string,
  run: { readonly report: Report; readonly graph: Graph },
): Promise<string[]> {
  const files = {
    "report.html": await renderPage(run.report),
    "results.json": `${JSON.stringify(run.report, null, 2)}\n`,
    "graph.json": `${JSON.stringify(run.graph, null, 2)}\n`,
    "graph.mmd": toMermaid(run.graph),
  };
  await mkdir(folder, { recursive: true });
  return Promise.all(
    Object.entries(files).map(async ([name, text]) => {
      const path = join(folder, name);
      await writeFile(path, text);
      return path;
    }),
  );
}
