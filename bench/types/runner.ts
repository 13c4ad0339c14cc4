/* `node runner.ts <case> <runs alone>`: its last line reports, as JSON, how far the case got. */
import type { Ran } from "./run.ts";

const [, , file = "", runsAlone] = process.argv;
const ran = await load();
process.stdout.write(`\n${JSON.stringify(ran)}\n`, () => process.exit());

async function load(): Promise<Ran> {
  let run: () => Promise<unknown>;
  try {
    ({ run } = (await import(file)) as { run: () => Promise<unknown> });
  } catch (error) {
    return { stage: "definition", error: said(error) };
  }
  if (runsAlone !== "true") return { stage: "definition" };
  try {
    return { stage: "run", result: JSON.stringify(await run()) ?? "undefined" };
  } catch (error) {
    return { stage: "run", error: said(error) };
  }
}

function said(error: unknown): string {
  return String(error instanceof Error ? error.message : error).replaceAll(/\s+/g, " ");
}
