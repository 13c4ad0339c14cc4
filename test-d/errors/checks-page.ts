import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import type { CompiledMistakes } from "./compiled-mistakes.ts";
import { type Topic, topics } from "./mistakes/index.ts";

const sourceOf = (file: string) => {
  const text = readFileSync(fileURLToPath(new URL(`mistakes/${file}`, import.meta.url)), "utf8");
  return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
};

/** `docs/checks.md`: every mistake of the lists, TypeScript's message, and the correct code. */
export function checksPage(compiled: CompiledMistakes): string {
  return [head(), ...topics.flatMap((topic) => sectionsIn(topic, compiled))].join("\n");
}

function head(): string {
  return `# All checks

<!-- Written by a test from test-d/errors/mistakes: npx vitest run test-d/errors -u -->

What the compiler rejects: each mistake with its message, and the correct code. How to read an error:
[type-errors.md](type-errors.md). \`compile()\` checks nearly all of this again at run time, with the same messages, for
users who do not write TypeScript.

The examples use the handlers of [test-d/handlers.ts](../test-d/handlers.ts), and continue this flow:

${block(definitionsIn(sourceOf("etl.ts")))}
`;
}

function sectionsIn({ title, file }: Topic, compiled: CompiledMistakes): string[] {
  const source = sourceOf(file);
  const own = definitionsIn(source);
  const sections = [`## ${title}\n`, ...(own === "" ? [] : [`${block(own)}\n`])];
  const visit = (node: ts.Node): void => {
    const members = ts.isObjectLiteralExpression(node) ? membersOf(node) : new Map<string, ts.Expression>();
    const [rule, make, right] = [members.get("rule"), members.get("make"), members.get("right")];
    if (rule === undefined || make === undefined || right === undefined || !ts.isStringLiteral(rule)) {
      ts.forEachChild(node, visit);
      return;
    }
    const said = compiled.byRule.get(rule.text)?.find(({ compiler }) => compiler === "6.0");
    sections.push(
      `### ${rule.text[0]?.toUpperCase()}${rule.text.slice(1)}\n`,
      `${block(codeOf(make))}\n`,
      `\`\`\`\n${sentenceOf(said?.text ?? "")}\n\`\`\`\n`,
      `Right:\n\n${block(codeOf(right))}\n`,
    );
  };
  visit(source);
  return sections;
}

/** The definitions of a file before its list. */
function definitionsIn(source: ts.SourceFile): string {
  const definitions = source.statements.filter(
    (statement) => ts.isVariableStatement(statement) && !/^export const \w+Mistakes\b/.test(statement.getText()),
  );
  return definitions.map((definition) => definition.getText().replace(/^export /, "")).join("\n");
}

function membersOf(node: ts.ObjectLiteralExpression): Map<string, ts.Expression> {
  return new Map(
    node.properties.flatMap((member) =>
      ts.isPropertyAssignment(member) ? [[member.name.getText(), member.initializer] as const] : [],
    ),
  );
}

/** The body of the arrow function, without comments for the compiler, and without its outer indentation. */
function codeOf(make: ts.Expression): string {
  const body = ts.isArrowFunction(make) ? make.body : make;
  const lines = body.getText().split("\n");
  const [first = "", ...rest] = lines.filter((line) => !/^\s*\/\/ (@ts-expect-error|biome-ignore)/.test(line));
  const last = rest.at(-1) ?? "";
  const outer = leading(last) - (/^\s*[)\]}]/.test(last) ? 0 : 2); // calls of a chain are indented by two more than its start
  return [first, ...rest.map((line) => line.slice(Math.min(outer, leading(line))))].join("\n");
}

const leading = (line: string) => line.length - line.trimStart().length;

/** The sentence of a rule in the compiler's first line; that line itself if the message is the compiler's own. */
function sentenceOf(message: string): string {
  const first = message.split("\n")[0] ?? "";
  const [, quoted] = /Wrong\w*<("(?:[^"\\]|\\.)*")[,>]/.exec(first) ?? [];
  return quoted === undefined ? first : JSON.parse(quoted);
}

const block = (code: string) => `\`\`\`ts generated\n${code}\n\`\`\``;
