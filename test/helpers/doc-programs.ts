/*
 * The TypeScript programs of a Markdown page. The info string of a block says what it is:
 *
 * - `ts`            a program of its own: type-checked and run
 * - `ts continued`  goes on where the `ts` block before it ended
 * - `ts no-run`     a program of its own: type-checked, not run (it needs a server, or never ends)
 * - `ts wrong`      goes on where the block before it ended, but nothing goes on from it: must not compile
 * - `ts generated`  written by a test, which compiles it: nothing is looked at here
 * - `ts theirs`     a program of another library: neither type-checked nor run, only counted
 *
 * In a wrong program, a line `// error: ...` says what the compiler must say about the line below it, and it must say
 * no more.
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
  /** What the compiler must say, and at which lines. */
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

/** How many programs of other libraries a page shows. */
export const externalPrograms = (page: string): number => page.match(/^```ts theirs$/gm)?.length ?? 0;

/**
 * @throws Error for an info string that starts with `ts` but isn't one of the above
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
