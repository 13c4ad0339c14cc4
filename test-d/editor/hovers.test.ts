import type typescript from "typescript";
import { describe, expect, test } from "vitest";
import { editors } from "./editors.ts";
import { calls, hovers } from "./hovers.ts";
import type { Editor, OpenFile } from "./language-service.ts";

/*
 * `hovers.txt` contains what an editor shows, the same for every version. Review it as a user would; regenerate it with
 * `npx vitest run test-d/editor -u`.
 */

describe.each(editors)("TypeScript $version", ({ editor }) => {
  test("shows readable types and the documentation", async () => {
    const shown = [...pages(editor, hovers, hover), ...pages(editor, calls, signature)];
    await expect(shown.join("\n")).toMatchFileSnapshot("hovers.txt");
  });

  test("shows how many nodes a flow has, however many", () => {
    const sizes = [0, 1, 9, 10, 20, 300];
    const codes = sizes.map((size) => {
      const nodes = Array.from({ length: size }, (_, at) => `.node("n${at}", extract, { args: { batchSize: ${at} } })`);
      return `const |long = flow("long")\n${nodes.join("\n")};`;
    });
    const shown = codes.map((code) => editor.open(code)).map((file) => hover(editor, file));
    expect(shown).toEqual(
      sizes.map((size) => `const long: Flow<"long", "${size} ${size === 1 ? "node" : "nodes"}", never>`),
    );
  });

  test("counts the nodes of subflows", () => {
    const seven = Array.from({ length: 7 }, (_, at) => `.node("n${at}", extract, { args: { batchSize: ${at} } })`);
    const file = editor.open(`const seven = flow("seven")${seven.join("")};
const |all = flow("all", { params: z.object({}) }).use("a", seven).use("b", seven)
  .node("last", count, { after: ["a.n3"] });`);
    expect(hover(editor, file)).toBe(`const all: Flow<"all", "15 nodes", never>`);
  });

  test("shows zod's internals only where the code uses zod", () => {
    const typesAlone = hovers.filter((code) => !code.includes("|defineHandler"));
    for (const page of pages(editor, typesAlone, hover)) expect(page.split("\n---\n")[1]).not.toMatch(/Zod|_zod/);
  });
});

function pages(editor: Editor, codes: readonly string[], show: (editor: Editor, file: OpenFile) => string): string[] {
  const files = codes.map((code) => ({ code, file: editor.open(code) }));
  return files.map(({ code, file }) => `=====\n${code}\n---\n${show(editor, file)}`);
}

function hover({ service }: Editor, file: OpenFile): string {
  const info = service.getQuickInfoAtPosition(file.name, file.at);
  if (info === undefined) return "nothing";
  const tags = (info.tags ?? []).map((tag) => `@${tag.name} ${textOf(tag.text)}`);
  return [textOf(info.displayParts), textOf(info.documentation), ...tags].filter((part) => part !== "").join("\n");
}

function signature({ service }: Editor, file: OpenFile): string {
  const help = service.getSignatureHelpItems(file.name, file.at, {});
  const item = help?.items[help.selectedItemIndex];
  if (help === undefined || item === undefined) return "nothing";
  const parameters = item.parameters.map(
    ({ displayParts, documentation }, index) =>
      `${index === help.argumentIndex ? "> " : "  "}${textOf(displayParts)}\n      ${textOf(documentation)}`,
  );
  return [
    textOf(item.prefixDisplayParts),
    ...parameters,
    textOf(item.suffixDisplayParts),
    textOf(item.documentation),
  ].join("\n");
}

function textOf(parts: readonly typescript.SymbolDisplayPart[] = []): string {
  return parts.map(({ text }) => text).join("");
}
