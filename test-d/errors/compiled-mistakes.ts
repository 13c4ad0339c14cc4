import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { type Compiler, compilers, type Diagnostic } from "../compilers.ts";
import { LibraryWorkspace } from "../library.ts";

const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");

export interface Said extends Diagnostic {
  readonly compiler: Compiler;
}

export interface CompiledMistakes {
  /** What the compilers say inside `make` of each rule. */
  readonly byRule: ReadonlyMap<string, readonly Said[]>;
  /** What they say elsewhere, in the twins for example. */
  readonly elsewhere: readonly Said[];
  /** The line that a diagnostic is about, and where in it. */
  place(said: Said): Place;
}

export interface Place {
  /** Without its indentation. */
  readonly line: string;
  readonly column: number;
  /** Counted from the line of `make`, which is 1. */
  readonly row: number;
  /** All that stands from the place on. */
  readonly text: string;
}

/** A list of mistakes as each compiler sees it without the `@ts-expect-error` lines. */
export async function compileMistakes(file = "mistakes.ts"): Promise<CompiledMistakes> {
  const text = read(file).replaceAll("// @ts-expect-error", "//");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const mistakes = mistakesIn(source);
  using workspace = await LibraryWorkspace.create(file === "mistakes.ts" ? "errors" : file.replace(".ts", ""));
  workspace.write(`errors/${file}`, text);
  workspace.write("handlers.ts", read("../handlers.ts"));

  const byRule = new Map<string, Said[]>(mistakes.map(({ rule }) => [rule, []]));
  const elsewhere: Said[] = [];
  const compile = async (compiler: Compiler): Promise<Said[]> => {
    const { diagnostics } = await workspace.compileUser(compiler, `errors/${file}`);
    return diagnostics.map((diagnostic) => ({ compiler, ...diagnostic }));
  };
  for (const said of (await Promise.all(compilers.map(compile))).flat()) {
    const mistake = mistakes.find(({ from, to }) => said.line >= from && said.line <= to);
    const list = said.file === `errors/${file}` ? byRule.get(mistake?.rule ?? "") : undefined;
    (list ?? elsewhere).push(said);
  }

  const lines = text.split("\n");
  const place = ({ line, column }: Said): Place => {
    const whole = lines[line - 1] ?? "";
    const indentation = whole.length - whole.trimStart().length;
    const first = mistakes.find(({ from, to }) => line >= from && line <= to)?.from ?? line;
    const rest = [whole.slice(column - 1), ...lines.slice(line)].join("\n");
    return { line: whole.trimStart(), column: column - indentation, row: line - first + 1, text: rest };
  };
  return { byRule, elsewhere, place };
}

/** The lines of `make` in each mistake of the list. */
function mistakesIn(source: ts.SourceFile): { rule: string; from: number; to: number }[] {
  const found: { rule: string; from: number; to: number }[] = [];
  const lineAt = (position: number) => source.getLineAndCharacterOfPosition(position).line + 1;
  const visit = (node: ts.Node): void => {
    const rule = ts.isObjectLiteralExpression(node) ? memberOf(node, "rule") : undefined;
    const make = ts.isObjectLiteralExpression(node) ? memberOf(node, "make") : undefined;
    if (rule === undefined || make === undefined || !ts.isStringLiteral(rule.initializer)) ts.forEachChild(node, visit);
    else found.push({ rule: rule.initializer.text, from: lineAt(make.getStart(source)), to: lineAt(make.end) });
  };
  visit(source);
  return found;
}

function memberOf(node: ts.ObjectLiteralExpression, name: string): ts.PropertyAssignment | undefined {
  return node.properties.find(
    (member): member is ts.PropertyAssignment => ts.isPropertyAssignment(member) && member.name.getText() === name,
  );
}
