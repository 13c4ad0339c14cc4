/*
 * A program in `programs/` is correct as it stands. A mistake is a comment below the line that it replaces:
 *
 *     .then(total)
 *     //! unknown-step: .then(«totl»)
 *
 * It may replace several lines, and a line may have several alternative mistakes. « and » enclose what the compiler
 * should underline; they are removed before compilation.
 */
import { type MistakeName, mistakeNames } from "./mistakes.ts";

export interface Variant {
  readonly code: string;
  /** The expected location of the error, as offsets into the code. */
  readonly tokens: readonly Token[];
}

export interface Token {
  readonly start: number;
  readonly end: number;
}

const edit = /^(\s*)\/\/! ([\w-]+): (.*)$/;

/** The correct program, or the program with one mistake. */
export function variantOf(source: string, mistake?: MistakeName): Variant {
  const lines: string[] = [];
  let replaced = -1;
  for (const line of source.split("\n")) {
    const [, indent = "", name, text] = edit.exec(line) ?? [];
    if (name === undefined) {
      lines.push(line);
    } else if (name === mistake) {
      if (replaced === lines.length - 1) throw new Error(`'${name}' replaces one line twice: ${line}`);
      replaced = lines.length - 1;
      lines[replaced] = `${indent}${text}`;
    }
  }
  return takeTokens(lines.join("\n"));
}

/** @throws Error for an unknown mistake, or one without a marked token */
export function mistakesIn(source: string): ReadonlySet<MistakeName> {
  const found = new Set<MistakeName>();
  for (const line of source.split("\n")) {
    const name = edit.exec(line)?.[2];
    if (name === undefined) continue;
    const known = mistakeNames.find((each) => each === name);
    if (known === undefined) throw new Error(`unknown mistake '${name}': ${line}`);
    found.add(known);
  }
  for (const name of found) {
    if (variantOf(source, name).tokens.length === 0) throw new Error(`'${name}' does not mark where its error belongs`);
  }
  return found;
}

function takeTokens(marked: string): Variant {
  const tokens: Token[] = [];
  let code = "";
  for (const [index, part] of marked.split(/[«»]/).entries()) {
    if (index % 2 === 1) tokens.push({ start: code.length, end: code.length + part.length });
    code += part;
  }
  return { code, tokens };
}
