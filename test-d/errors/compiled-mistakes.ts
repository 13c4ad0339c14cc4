import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { inject } from "vitest";
import { type Compiler, compilers, type Diagnostic } from "../compilers.ts";
import { LibraryWorkspace } from "../library.ts";

const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");

export interface Said extends Diagnostic {
  readonly compiler: Compiler;
}

export interface CompiledMistakes {
  /** The diagnostics inside `make` of each rule. */
  readonly byRule: ReadonlyMap<string, readonly Said[]>;
  /** Other diagnostics, for example in the correct twins. */
  readonly elsewhere: readonly Said[];
  /** The line of a diagnostic, and the position in it. */
  place(said: Said): Place;
}

export interface Place {
  /** Without indentation. */
  readonly line: string;
  readonly column: number;
  /** Counted from the line of `make`, which is 1. */
  readonly row: number;
  /** The rest of the file from the position on. */
  readonly text: string;
}

/**
 * Compiles lists of mistakes without their `@ts-expect-error` lines, in one program, since their imports are half of
 * the work.
 *
 * @param roots - the compiled files, in this order
 * @param imported - files that the roots import
 */
export async function compileMistakes(
  roots: readonly string[],
  imported: readonly string[] = [],
): Promise<CompiledMistakes> {
  using workspace = new LibraryWorkspace("mistakes", inject("library"));
  const texts: ReadonlyMap<string, string> = new Map(
    [...roots, ...imported].map(
      (name) => [`errors/${name}`, read(name).replaceAll("// @ts-expect-error", "//")] as const,
    ),
  );
  for (const [file, text] of texts) workspace.write(file, text);
  const mistakes = [...texts].flatMap(([file, text]) => mistakesIn(file, text));
  workspace.write("handlers.ts", read("../handlers.ts"));

  const mistakeOf = ({ file, line }: Said) =>
    mistakes.find((mistake) => mistake.file === file && line >= mistake.from && line <= mistake.to);
  const byRule = new Map<string, Said[]>(mistakes.map(({ rule }) => [rule, []]));
  const elsewhere: Said[] = [];
  const compile = async (compiler: Compiler): Promise<Said[]> => {
    const { diagnostics } = await workspace.compileUser(
      compiler,
      roots.map((name) => `errors/${name}`),
    );
    return diagnostics.map((diagnostic) => ({ compiler, ...diagnostic }));
  };
  for (const said of (await Promise.all(compilers.map(compile))).flat()) {
    const list = byRule.get(mistakeOf(said)?.rule ?? "");
    (list ?? elsewhere).push(said);
  }

  const place = (said: Said): Place => {
    const { file, line, column } = said;
    const lines = texts.get(file)?.split("\n") ?? [];
    const whole = lines[line - 1] ?? "";
    const indentation = whole.length - whole.trimStart().length;
    const first = mistakeOf(said)?.from ?? line;
    const rest = [whole.slice(column - 1), ...lines.slice(line)].join("\n");
    return { line: whole.trimStart(), column: column - indentation, row: line - first + 1, text: rest };
  };
  return { byRule, elsewhere, place };
}

interface Found {
  readonly file: string;
  readonly rule: string;
  readonly from: number;
  readonly to: number;
}

/** The lines of `make` in each mistake of a list. */
function mistakesIn(file: string, text: string): Found[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: Found[] = [];
  const lineAt = (position: number) => source.getLineAndCharacterOfPosition(position).line + 1;
  const visit = (node: ts.Node): void => {
    const rule = ts.isObjectLiteralExpression(node) ? memberOf(node, "rule") : undefined;
    const make = ts.isObjectLiteralExpression(node) ? memberOf(node, "make") : undefined;
    if (rule === undefined || make === undefined || !ts.isStringLiteral(rule.initializer)) ts.forEachChild(node, visit);
    else found.push({ file, rule: rule.initializer.text, from: lineAt(make.getStart(source)), to: lineAt(make.end) });
  };
  visit(source);
  return found;
}

function memberOf(node: ts.ObjectLiteralExpression, name: string): ts.PropertyAssignment | undefined {
  return node.properties.find(
    (member): member is ts.PropertyAssignment => ts.isPropertyAssignment(member) && member.name.getText() === name,
  );
}
