import { basename } from "node:path";
import ts from "typescript";
import ts59 from "typescript-5.9";
import type { Token } from "./program.ts";

/** Newest first: a library is checked with the first one that accepts its types. */
export const compilers = [ts, ts59 as unknown as typeof ts] as const;

export const compilerOptions = {
  strict: true,
  target: "es2023",
  lib: ["es2024", "esnext.disposable"],
  module: "nodenext",
  types: ["node"],
  skipLibCheck: true,
  noEmit: true,
} as const;

export interface Complaint {
  /** First line of the compiler's message. */
  readonly says: string;
  /** Number of lines of the message. */
  readonly lines: number;
  readonly onToken: boolean;
  /** `file:line:column` of the error. */
  readonly at: string;
}

const parsed = new Map<string, ts.SourceFile | undefined>();

/** The compiler's errors for one file; those on the marked token come first. */
export function complaintsOf(compiler: typeof ts, file: string, tokens: readonly Token[] = []): readonly Complaint[] {
  const { options, errors } = compiler.convertCompilerOptionsFromJson(compilerOptions, ".");
  if (errors.length > 0) throw new Error(errors.map(({ messageText }) => messageText).join());
  const host = compiler.createCompilerHost(options);
  const { getSourceFile } = host;
  // All cases of a library share its declarations.
  host.getSourceFile = (name, ...rest) => {
    if (name === file) return getSourceFile(name, ...rest);
    const key = `${compiler.version} ${name}`;
    if (!parsed.has(key)) parsed.set(key, getSourceFile(name, ...rest));
    return parsed.get(key);
  };
  const program = compiler.createProgram([file], options, host);
  return compiler
    .getPreEmitDiagnostics(program)
    .map(({ messageText, file: place, start = 0, code }) => {
      const text = compiler.flattenDiagnosticMessageText(messageText, "\n").split("\n");
      const { line, character } = place?.getLineAndCharacterOfPosition(start) ?? { line: 0, character: 0 };
      return {
        says: text[0] ?? `TS${code}`,
        lines: text.length,
        onToken: place?.fileName === file && tokens.some((token) => start >= token.start && start < token.end),
        at: `${basename(place?.fileName ?? "")}:${line + 1}:${character + 1}`,
      };
    })
    .toSorted((a, b) => Number(b.onToken) - Number(a.onToken));
}
