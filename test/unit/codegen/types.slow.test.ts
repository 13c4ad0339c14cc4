import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { defineHandler, flow, toTypeScript } from "flowkit";
import ts from "typescript";
import { beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { flights } from "../../../examples/flights/flow.ts";
import { sourceGraphs } from "./arbitrary-source-graph.ts";

/*
 * The generated source compiles, for random graphs and for one whose handlers have schemas.
 */

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Of each source in one program, as most of the work is what they import. */
function errorsOf(sources: readonly string[]): readonly (readonly string[])[] {
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
  return [...files].map(([name, text]) => {
    const file = program.getSourceFile(name);
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map(
      ({ messageText, start = 0 }) =>
        `${ts.flattenDiagnosticMessageText(messageText, "\n")}\nat ${text.slice(start, start + 80)}\nin\n${text}`,
    );
  });
}

const random = fc.sample(sourceGraphs, { numRuns: 25, seed: 7 }).map((graph) => toTypeScript(graph));
const withSchemas = toTypeScript(flights.compile({ schemas: true }));
const readingFailures = sourcesOfShop();
const errors = new Map<string, readonly string[]>();

beforeAll(() => {
  const sources = [...random, withSchemas, ...readingFailures];
  for (const [index, found] of errorsOf(sources).entries()) errors.set(sources[index] ?? "", found);
}, 600_000);

test("the source of random graphs compiles", () => {
  expect(random.flatMap((source) => errors.get(source))).toStrictEqual([]);
});

test("the source of a flow with schemas compiles", () => {
  expect(withSchemas).toContain('export const flights = flow("flights", {');
  expect(errors.get(withSchemas)).toStrictEqual([]);
});

test("the source of a flow that reads failed batches compiles, with schemas and without", () => {
  for (const source of readingFailures) {
    expect(source).toContain('{ input: { adapter: "pull.failures" } }');
    expect(errors.get(source)).toStrictEqual([]);
  }
});

/** With schemas and without. */
function sourcesOfShop(): readonly string[] {
  const Order = z.object({ id: z.string() });
  const read = defineHandler("read", { output: Order, *iterBatches() {} });
  const charge = defineHandler("charge", { input: Order, output: z.string(), processBatch: ({ id }) => id });
  const letter = <T extends z.ZodType>(name: string, input: T) =>
    defineHandler(name, { input: z.object({ uid: z.string(), input }), output: z.string(), processBatch: () => "" });
  const setsAside = { onBatchFailure: "setAside", tolerate: { batches: 3 } } as const;
  const failures = { adapter: "pull.failures" } as const;
  const shop = flow("shop")
    .node("read", read, setsAside)
    .node("own", letter("own", Order), { after: ["read"], input: failures })
    .node("charge", charge, { after: ["read"], ...setsAside })
    .then("letters", letter("letters", Order), { ...setsAside, input: failures })
    .then("lost", letter("lost", z.object({ uid: z.string() })), { input: failures });
  return [shop.compile({ schemas: true }), shop.compile()].map((graph) => toTypeScript(graph));
}
