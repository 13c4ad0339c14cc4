/*
 * What flows of any size cost a compiler, for people: `npm run bench:types`, or with a part of a case's name and a
 * compiler, `npm run bench:types -- "500 nodes" 6.0`. Each row is a compiler of its own, started afresh: its seconds
 * are those of this machine, everything else is the same everywhere.
 */
import { compilers } from "../compilers.ts";
import { LibraryWorkspace } from "../library.ts";
import { cases, mistake } from "./cases.ts";

const [asked = "", only] = process.argv.slice(2);
const chosen = [...cases, mistake].filter(({ name }) => name.includes(asked));
if (chosen.length === 0) throw new Error(`no case has '${asked}' in its name`);

const columns = ["instantiations", "limit", "types", "memory", "check", "total"] as const;
const name = Math.max(...chosen.map((row) => row.name.length));
const print = (...[first, compiler, ...figures]: readonly string[]) =>
  console.log([first?.padEnd(name), compiler?.padEnd(4), ...figures.map((figure) => figure.padStart(14))].join("  "));

using workspace = await LibraryWorkspace.create("scale");
print("case", "tsc", ...columns);
for (const row of chosen) {
  for (const compiler of compilers) {
    if (only !== undefined && compiler !== only) continue;
    const file = `${row.name.replaceAll(/\W+/g, "-")}.ts`;
    workspace.write(file, row.program);
    const measured = await workspace.compileUser(compiler, file);
    print(
      row.name,
      compiler,
      measured.instantiations.toLocaleString("en"),
      row.limit.toLocaleString("en"),
      measured.types.toLocaleString("en"),
      `${Math.round(measured.memoryMiB)} MiB`,
      `${measured.checkSeconds.toFixed(2)} s`,
      `${measured.totalSeconds.toFixed(2)} s`,
    );
    const unexpected = row === mistake ? measured.diagnostics.slice(1) : measured.diagnostics;
    for (const { line, text } of unexpected) console.log(`  line ${line}: ${text}`);
  }
}
