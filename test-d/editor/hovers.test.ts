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
  test("shows types that a person can read, and the documentation", async () => {
    const shown = [...pages(editor, hovers, hover), ...pages(editor, calls, signature)];
    await expect(shown.join("\n")).toMatchFileSnapshot("hovers.txt");
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
