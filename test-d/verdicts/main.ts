/*
 * More verdicts than `npm test` compares, or those of another compiler: `npm run verdicts -- --families 1000 --seed 7`,
 * `npm run verdicts -- --compiler 5.9`.
 */
import { parseArgs } from "node:util";
import { compilers } from "../compilers.ts";
import { emitLibrary, LibraryWorkspace } from "../library.ts";
import { type Disagreement, describe } from "./disagreement.ts";
import { judge } from "./judge.ts";
import { compilerVerdicts, drawFamilies, programOf } from "./program.ts";

const { values } = parseArgs({
  options: {
    families: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    compiler: { type: "string", default: "7.0" },
    shown: { type: "string", default: "20" },
  },
});
const compiler = compilers.find((one) => one === values.compiler);
if (compiler === undefined) throw new Error(`the compilers are ${compilers.join(", ")}`);

const program = programOf(drawFamilies({ seed: Number(values.seed), count: Number(values.families) }));
using library = await emitLibrary();
using workspace = new LibraryWorkspace("verdicts", library);
workspace.write("program.ts", program.text);
for (const exactOptionalPropertyTypes of [true, false]) {
  const { diagnostics } = await workspace.compileUser(compiler, "program.ts", { exactOptionalPropertyTypes });
  const { unexplained, uses, counts } = judge(program, compilerVerdicts(program, diagnostics));
  console.log(`exactOptionalPropertyTypes: ${exactOptionalPropertyTypes}`, counts, Object.fromEntries(uses));
  console.log(`${unexplained.length} unexplained\n`);
  for (const one of shortest(unexplained).slice(0, Number(values.shown))) console.log(`${describe(one)}\n`);
  if (unexplained.length > 0) process.exitCode = 1;
}

/** Smallest schemas first, as they are the easiest to understand. */
function shortest(found: readonly Disagreement[]): readonly Disagreement[] {
  const size = ({ question }: Disagreement) =>
    question.kind === "edge" ? question.from.source.length + question.to.source.length : question.of.source.length;
  return found.toSorted((a, b) => size(a) - size(b));
}
