/*
 * Reports the cost of flows of any size for a compiler: `npm run bench:type-cost`, or with a part of a case's name and
 * a compiler, `npm run bench:type-cost -- "500 nodes" 6.0`. Each row is a new process of a compiler: seconds and memory
 * depend on this machine and this run, everything else is the same everywhere.
 */
import { type Compiled, compilers } from "../compilers.ts";
import { emitLibrary, LibraryWorkspace } from "../library.ts";
import { cases, mistake, wideMistakes } from "./cases.ts";

const [asked = "", only] = process.argv.slice(2);
const mistakes = [mistake, ...wideMistakes];
const chosen = [...cases, ...mistakes].filter(({ name }) => name.includes(asked));
if (chosen.length === 0) throw new Error(`no case has '${asked}' in its name`);

const columns = ["instantiations", "limit", "types", "memory", "check", "total"] as const;
const chosenCompilers = compilers.filter((compiler) => only === undefined || compiler === only);
if (chosenCompilers.length === 0) throw new Error(`the compilers are ${compilers.join(", ")}`);
const width = Math.max(...chosen.map(({ name }) => name.length));
const print = (...[name, compiler, ...cells]: readonly string[]) =>
  console.log([name?.padEnd(width), compiler?.padEnd(3), ...cells.map((cell) => cell.padStart(14))].join("  "));

const figures = ({ types, measured }: Compiled): readonly string[] => [
  types.toLocaleString("en"),
  `${Math.round(measured?.memoryMiB ?? 0)} MiB`,
  `${measured?.checkSeconds.toFixed(2)} s`,
  `${measured?.totalSeconds.toFixed(2)} s`,
];

using library = await emitLibrary();
using workspace = new LibraryWorkspace("scale", library, { isMeasured: true });
print("case", "tsc", ...columns);
for (const { name, program, limit } of chosen) {
  workspace.write("program.ts", program);
  for (const compiler of chosenCompilers) {
    const compiled = await workspace.compileUser(compiler, "program.ts");
    const { instantiations } = compiled;
    print(name, compiler, instantiations.toLocaleString("en"), limit.toLocaleString("en"), ...figures(compiled));
    if (compiled.diagnostics.length !== (mistakes.some((one) => one.program === program) ? 1 : 0)) {
      for (const { line, text } of compiled.diagnostics) console.log(`  line ${line}: ${text}`);
    }
  }
}
