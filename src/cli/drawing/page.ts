import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Graph, graphHash } from "../../graph/index.ts";
import type { StudioReport } from "../../studio/api.ts";
import { pageFolder } from "../../studio/serving/assets.ts";
import { viewGraph } from "../../studio/views/graph-view.ts";
import { reportJson } from "../../studio/views/report.ts";
import { CliError } from "../terminal/cli-error.ts";

const place = "<!--flowkit-data-->";

/**
 * The page of the studio as one self-contained file, without its data.
 *
 * @throws CliError `CLI_FILE_NOT_FOUND` if it is not built
 */
export function emptyPage(): string {
  const file = join(pageFolder(), "report.html");
  try {
    const page = readFileSync(file, "utf8");
    if (page.split(place).length === 2) return page;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  throw new CliError("CLI_FILE_NOT_FOUND", "the page of the studio is not in this package", {
    hint: "In a clone of its repository, build it: npm run build",
  });
}

/** The page with the data that it shows. */
export const filledPage = (page: string, data: StudioReport): string =>
  page.replace(place, () => `<script type="application/json" id="flowkit-report">${reportJson(data)}</script>`);

/** Renders a graph as a self-contained page: it can be zoomed, and shows the settings of each node in words. */
export const toHtml = (graph: Graph): string =>
  filledPage(emptyPage(), { kind: "graph", graph: viewGraph(graph), hash: graphHash(graph) });
