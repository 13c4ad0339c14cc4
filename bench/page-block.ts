import { readFileSync, writeFileSync } from "node:fs";

/** The marker lines around the generated part of a page. */
export interface BlockMarks {
  readonly begin: string;
  readonly end: string;
}

/** The part of a page between the markers; `undefined` if it has none. */
export function blockOf(page: string, { begin, end }: BlockMarks): string | undefined {
  const [, after] = page.split(`${begin}\n`);
  return after?.split(end)[0];
}

/** Writes text between the markers of a page. */
export function writeBlock(file: string, marks: BlockMarks, text: string): void {
  const page = readFileSync(file, "utf8");
  const block = blockOf(page, marks);
  if (block === undefined) throw new Error(`${file} has no line ${marks.begin}`);
  const { begin, end } = marks;
  writeFileSync(
    file,
    page.replace(`${begin}\n${block}${end}`, () => `${begin}\n${text}${end}`),
  );
}
