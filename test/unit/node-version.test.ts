import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { node } from "../helpers/cli.ts";

const run = promisify(execFile);
const claims = (version: string) =>
  `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });
   await import("${resolve("src/node-version.ts")}");`;
const load = (version: string) => run(node, ["--input-type=module", "--eval", claims(version)]);

test("an older version of Node is refused with the one that is required", async () => {
  for (const old of ["20.20.2", "22.17.9"]) {
    await expect(load(old)).rejects.toThrow(`Error: flowkit requires Node 22.18 or newer, found ${old}\n`);
  }
  for (const fit of ["22.18.0", "24.0.0"]) expect((await load(fit)).stderr).toBe("");
});
