import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { toTypeScript } from "flowkit";
import ts from "typescript";
import { expect, test } from "vitest";
import { flights } from "../../../examples/flights/flow.ts";
import { sourceGraphs } from "./arbitrary-source-graph.ts";

/*
 * The generated source compiles, for random graphs and for one whose handlers have schemas.
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

test("the source of random graphs compiles", { timeout: 600_000 }, () => {
  const graphs = fc.sample(sourceGraphs, { numRuns: 25, seed: 7 });
  expect(errorsOf(graphs.map((graph) => toTypeScript(graph)))).toStrictEqual([]);
});

test("the source of a flow with schemas compiles", () => {
  const source = toTypeScript(flights.compile({ schemas: true }));
  expect(source).toContain('export const flights = flow("flights", {');
  expect(errorsOf([source])).toStrictEqual([]);
});
