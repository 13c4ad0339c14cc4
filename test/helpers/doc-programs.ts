/*
 * The TypeScript programs of a Markdown page. The info string of a block says what it is:
 *
 * - `ts`            a program of its own: type-checked and run
 * - `ts continued`  goes on where the `ts` block before it ended
 * - `ts no-run`     a program of its own: type-checked, not run (it needs a server, or never ends)
 *
 * A comment behind `console.log(...)` on the same line is a promise: the program must print it.
 */

export interface DocProgram {
  /** Line of the page where its first block starts, from 1. */
  readonly line: number;
  /** Its code at the very lines it has on the page, so that an error's line number is the page's. */
  readonly code: string;
  readonly runs: boolean;
  /** What it promises to print, in order. */
  readonly prints: readonly string[];
}

const fence = /^(\s*)```(.*)$/;
const promise = /^\s*console\.log\(.*\);?\s*\/\/\s*(.+)$/;

/**
 * @throws Error for an info string that starts with `ts` but isn't one of the above
 * @example docPrograms("```ts\nconsole.log(1) // 1\n```")[0]?.prints // -> ["1"]
 */
export function docPrograms(page: string): readonly DocProgram[] {
  const programs: { line: number; lines: string[]; runs: boolean }[] = [];
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
  return programs.map(({ line, lines, runs }) => {
    const code = Array.from(lines, (text) => text ?? "").join("\n");
    const prints = [...code.split("\n")].flatMap((text) => promise.exec(text)?.[1]?.trim() ?? []);
    return { line, code, runs, prints };
  });

  function startBlock(info: string, line: number): { into?: string[] } {
    if (!/^(ts|typescript)\b/.test(info)) return {};
    if (info === "ts continued") {
      const before = programs.at(-1);
      if (before === undefined) throw new Error(`line ${line}: nothing to continue`);
      return { into: before.lines };
    }
    if (info !== "ts" && info !== "ts no-run") throw new Error(`line ${line}: unknown kind of block: ${info}`);
    const program = { line: line + 1, lines: [], runs: info === "ts" };
    programs.push(program);
    return { into: program.lines };
  }
}
