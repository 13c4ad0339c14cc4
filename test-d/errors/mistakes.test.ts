import { fileURLToPath } from "node:url";
import { FlowError } from "flowkit";
import ts from "typescript";
import { beforeAll, describe, expect, test } from "vitest";
import { mistakes } from "./mistakes.ts";

/*
 * Every mistake twice: what the compiler says and where, and what `compile()` says. The file of mistakes is compiled
 * here without its `@ts-expect-error` lines.
 */

const file = fileURLToPath(new URL("mistakes.ts", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));

interface Printed {
  readonly text: string;
  readonly token: string;
}
let printed: ReadonlyMap<string, readonly Printed[]>;

beforeAll(() => {
  printed = diagnosticsByRule();
}, 60_000);

describe.each(mistakes)("$rule", ({ rule, words, token, atRunTime = true, make }) => {
  test("the compiler says it at the token", () => {
    const found = printed.get(rule) ?? [];
    expect(found).toHaveLength(1);
    expect(found[0]?.text).toContain(words);
    expect(found[0]?.token.slice(0, token.length)).toBe(token);
  });

  if (!atRunTime) return; // only types can tell
  test("compile() says the same", () => {
    let thrown: unknown;
    try {
      make().compile();
    } catch (error) {
      thrown = error;
    }
    expect(FlowError.is(thrown) && thrown.code).toMatch(/^FLOW_/);
    expect(thrown).toHaveProperty("message", expect.stringContaining(words));
  });
});

function diagnosticsByRule(): Map<string, Printed[]> {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config,
    ts.sys,
    root,
  );
  const host = ts.createCompilerHost(options);
  const read = host.readFile.bind(host);
  const withoutExpectations = (name: string) => read(name)?.replaceAll("// @ts-expect-error", "");
  host.readFile = (name) => (name === file ? withoutExpectations(name) : read(name));
  const program = ts.createProgram({ rootNames: [file], options: { ...options, noErrorTruncation: true }, host });
  const source = program.getSourceFile(file);
  if (source === undefined) throw new Error(`${file} was not read`);
  const diagnostics = program.getSemanticDiagnostics(source);
  return new Map(
    casesIn(source).map(({ rule, from, to }) => [
      rule,
      diagnostics
        .filter(({ start = -1 }) => start >= from && start < to)
        .map(({ start, messageText }) => ({
          text: ts.flattenDiagnosticMessageText(messageText, "\n"),
          token: source.text.slice(start),
        })),
    ]),
  );
}

/** Where in the file each mistake stands. */
function casesIn(source: ts.SourceFile): { rule: string; from: number; to: number }[] {
  const cases: { rule: string; from: number; to: number }[] = [];
  const visit = (node: ts.Node): void => {
    const rule = ts.isObjectLiteralExpression(node) ? ruleOf(node) : undefined;
    if (rule === undefined) ts.forEachChild(node, visit);
    else cases.push({ rule, from: node.getStart(source), to: node.end });
  };
  visit(source);
  return cases;
}

function ruleOf(node: ts.ObjectLiteralExpression): string | undefined {
  const property = node.properties.find((member) => member.name !== undefined && member.name.getText() === "rule");
  return property !== undefined && ts.isPropertyAssignment(property) && ts.isStringLiteral(property.initializer)
    ? property.initializer.text
    : undefined;
}
