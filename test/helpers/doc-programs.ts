/*
 * The TypeScript programs of a Markdown page. The info string of a block says what it is:
 *
 * - `ts`            a complete program: type-checked and run
 * - `ts continued`  continues the `ts` block before it
 * - `ts no-run`     a complete program: type-checked, not run (it needs a server, or never ends)
 * - `ts wrong`      continues likewise, but nothing continues it: must not compile
 * - `ts generated`  written by a test, which compiles it: ignored here
 * - `ts theirs`     a program of another library: neither type-checked nor run, only counted
 *
 * In a wrong program, a line `// error: ...` states the compiler's error for the line below it; there must be no
 * others.
 *
 * A comment after `console.log(...)` on the same line states its expected output.
 */

export interface DocProgram {
  /** One-based line of its first block on the page. */
  readonly line: number;
  /** Its code at the same line numbers as on the page, so that errors refer to the page. */
  readonly code: string;
  readonly runs: boolean;
  /** The expected output, in order. */
  readonly prints: readonly string[];
  /** The expected compiler errors, by line. */
  readonly errors: readonly { readonly line: number; readonly words: string }[];
}

const kinds: ReadonlyMap<string, "runs" | "no-run" | "wrong"> = new Map([
  ["ts", "runs"],
  ["ts no-run", "no-run"],
  ["ts wrong", "wrong"],
] as const);

const fence = /^(\s*)```(.*)$/;
const complaint = /^\s*\/\/ error: (.+)$/;
const promise = /^\s*console\.log\(.*\);?\s*\/\/\s*(.+)$/;

/** Number of programs of other libraries on a page. */
export const externalPrograms = (page: string): number => page.match(/^```ts theirs$/gm)?.length ?? 0;

/**
 * @throws Error for an unknown info string that starts with `ts`
 * @example docPrograms("```ts\nconsole.log(1) // 1\n```")[0]?.prints // -> ["1"]
 */
export function docPrograms(page: string): readonly DocProgram[] {
  const programs: { line: number; lines: string[]; kind: "runs" | "no-run" | "wrong" }[] = [];
  let open: { into?: string[]; indent: string } | undefined;
  for (const [index, text] of page.split("\n").entries()) {
    const [, indent, info] = fence.exec(text) ?? [];
    if (open !== undefined) {
      if (info !== undefined) open = undefined;
      else if (open.into !== undefined) open.into[index] = text.slice(open.indent.length);
    } else if (indent !== undefined && info !== undefined) {
      open = { ...startBlock(info.trim(), index + 1), indent };
    }
  }
  return programs.map(({ line, lines, kind }) => {
    const code = Array.from(lines, (text) => text ?? "").join("\n");
    const prints = [...code.split("\n")].flatMap((text) => promise.exec(text)?.[1]?.trim() ?? []);
    const errors = code.split("\n").flatMap((text, index) => {
      const words = complaint.exec(text)?.[1]?.trim();
      return words === undefined ? [] : [{ line: index + 2, words }];
    });
    if (errors.length > 0 !== (kind === "wrong"))
      throw new Error(`line ${line}: 'ts wrong' and its errors belong together`);
    return { line, code, runs: kind === "runs", prints, errors };
  });

  function startBlock(info: string, line: number): { into?: string[] } {
    if (!/^(ts|typescript)\b/.test(info)) return {};
    if (info === "ts generated" || info === "ts theirs") return {};
    const before = programs.findLast(({ kind }) => kind !== "wrong");
    if (info === "ts continued") {
      if (before === undefined) throw new Error(`line ${line}: nothing to continue`);
      return { into: before.lines };
    }
    const kind = kinds.get(info);
    if (kind === undefined) throw new Error(`line ${line}: unknown kind of block: ${info}`);
    const program = { line: line + 1, lines: kind === "wrong" ? [...(before?.lines ?? [])] : [], kind };
    programs.push(program);
    return { into: program.lines };
  }
}
