/* Prints how many MiB of heap a program keeps once it is checked: `node --expose-gc measure-heap.ts a.ts`. */
import ts from "typescript";

const [file = ""] = process.argv.slice(2);
const { gc } = globalThis;
if (gc === undefined) throw new Error("run it with --expose-gc");

const kept = (): number => {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
};
const before = kept();
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
const after = kept();
// Used once more, so that it cannot be collected before the measurement.
if (program.getSourceFile(file) === undefined) throw new Error(`${file} is not there`);
process.stdout.write(String((after - before) / 2 ** 20));
