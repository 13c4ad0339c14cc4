import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { toTypeScript } from "flowkit";
import ts from "typescript";
import { expect, test } from "vitest";
import { flights } from "../../../examples/flights/flow.ts";
import { sourceGraphs } from "./arbitrary-source-graph.ts";

/*
 * Source that was written of a graph is right in its types: of graphs as they come, and of one that its handlers
 * described themselves.
 */

const root = fileURLToPath(new URL("../../../", import.meta.url));

function errorsOf(sources: readonly string[]): readonly string[] {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config,
    ts.sys,
    root,
  );
  const files = new Map(sources.map((source, index) => [`${root}test/unit/codegen/written-${index}.ts`, source]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists.call(host, name);
  host.readFile = (name) => files.get(name) ?? readFile.call(host, name);
  host.getSourceFile = (name, language, ...rest) => {
    const source = files.get(name);
    if (source === undefined) return getSourceFile.call(host, name, language, ...rest);
    return ts.createSourceFile(name, source, language);
  };
  const program = ts.createProgram({
    rootNames: [...files.keys()],
    options: { ...options, noUnusedLocals: true },
    host,
  });
  return [...files].flatMap(([name, text]) => {
    const file = program.getSourceFile(name);
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map(
      ({ messageText, start = 0 }) =>
        `${ts.flattenDiagnosticMessageText(messageText, "\n")}\nat ${text.slice(start, start + 80)}\nin\n${text}`,
    );
  });
}

test("as it comes", { timeout: 600_000 }, () => {
  const graphs = fc.sample(sourceGraphs, { numRuns: 25, seed: 7 });
  expect(errorsOf(graphs.map((graph) => toTypeScript(graph)))).toStrictEqual([]);
});

test("of a flow that its handlers describe", () => {
  const source = toTypeScript(flights.compile({ schemas: true }));
  expect(source).toContain('export const flights = flow("flights", {');
  expect(errorsOf([source])).toStrictEqual([]);
});
