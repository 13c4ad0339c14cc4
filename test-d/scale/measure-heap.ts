/* Prints the memory that a checked program retains, as JSON: `node --expose-gc measure-heap.ts a.ts`. */
import ts from "typescript";
import type { Kept } from "./heap.ts";

const [file = ""] = process.argv.slice(2);
const { gc } = globalThis;
if (gc === undefined) throw new Error("run it with --expose-gc");

const heapUsed = (): number => {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
};
const before = heapUsed();
const program = ts.createProgram([file], {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  types: ["node"],
  strict: true,
  skipLibCheck: true,
  noEmit: true,
});
const [wrong] = program.getSemanticDiagnostics();
if (wrong !== undefined) throw new Error(ts.flattenDiagnosticMessageText(wrong.messageText, "\n"));
const after = heapUsed();
// Used once more, so that it cannot be collected before the measurement.
if (program.getSourceFile(file) === undefined) throw new Error(`${file} is not there`);
const kept: Kept = {
  heapMiB: (after - before) / 2 ** 20,
  files: program.getSourceFiles().length,
  types: program.getTypeCount(),
  instantiations: program.getInstantiationCount(),
};
process.stdout.write(JSON.stringify(kept));
