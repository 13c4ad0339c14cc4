import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inject } from "vitest";
import type { Store } from "../../../src/core/ports/index.ts";
import { Client } from "../../../src/engine/client.ts";
import type { RunReport, StudioReport } from "../../../src/studio/api.ts";
import { readingOf } from "../../../src/studio/reading.ts";
import { runReport } from "../../../src/studio/views/report.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

/** @param longest - maximum length of its JSON, in bytes */
export async function reportOf(store: Store, taskId: string, longest = 1_000_000): Promise<RunReport> {
  await using client = new Client({ store, workerTypes: [], logger: new RecordingLogger() });
  await client.start();
  const info = { version: "0.0.0", readOnly: true, store: "memory", runs: "nothing", now: Date.now() } as const;
  return await runReport(readingOf(client, store, []), { taskId, info, schemas: {}, longest });
}

/** The address of a file that contains the report. */
export async function fileWith(report: StudioReport): Promise<string> {
  const page = await readFile(join(inject("studioPage"), "report.html"), "utf8");
  const json = JSON.stringify(report).replaceAll("<", "\\u003c");
  const script = `<script type="application/json" id="flowkit-report">${json}</script>`;
  const file = join(tempFolder(), "report.html");
  await writeFile(
    file,
    page.replace("<!--flowkit-data-->", () => script),
  );
  return pathToFileURL(file).href;
}
