import { copyFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createEngine } from "flowkit/engine";
import { expect, test } from "vitest";
import { declarationsFolder, listDeclarations, readDeclaration } from "../../../examples/map-reduce/declarations.ts";
import { words } from "../../../examples/map-reduce/flow.ts";
import { startProcess } from "../../helpers/run-process.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

/** The result of a plain loop over the files. */
async function indexOf(folder: string) {
  const index = new Map<string, Set<string>>();
  let all = 0;
  for (const file of await listDeclarations(folder)) {
    const { language, words } = await readDeclaration(folder, file, new AbortController().signal);
    all += words.length;
    for (const word of words) index.set(word, (index.get(word) ?? new Set()).add(language));
  }
  return { all, index };
}

/** Three translations, one of them duplicated. */
function threeLanguages(): string {
  const folder = tempFolder();
  for (const name of ["eng", "fra", "deu_1901", "deu_1996"]) {
    copyFileSync(join(declarationsFolder(), `${name}.html`), join(folder, `${name}.html`));
  }
  return folder;
}

test("the index of all translations equals that of a loop", async () => {
  const folder = declarationsFolder();
  await using engine = await createEngine({ handlers: words.handlers });
  const task = await engine.run(words, { params: { folder, most: 1_000_000, letters: 1 } });
  const { top } = await task.result();

  const { all, index } = await indexOf(folder);
  expect(top[0]).toMatchObject({ declarations: 532, words: all, different: index.size });
  const line = (word: string, languages: Iterable<string>) => `${word}: ${[...languages].sort().join(", ")}`;
  const expected = [...index].flatMap(([word, languages]) => (languages.size > 1 ? line(word, languages) : []));
  expect(expected.length).toBeGreaterThan(10_000);
  const found = top[0]?.mostShared.map(({ word, languages }) => line(word, languages)) ?? [];
  expect(found.length).toBe(expected.length);
  const known = new Set(expected);
  expect(found.filter((entry) => !known.has(entry))).toEqual([]);
  const counts = top[0]?.mostShared.map(({ languages }) => languages.length) ?? [];
  expect(counts).toEqual(counts.toSorted((a, b) => b - a));

  const { nodes } = await task.status();
  expect(nodes.find(({ nodeId }) => nodeId === "map")?.batches).toBe(54);
});

test("a declaration has its language and its words", async () => {
  const { language, words } = await readDeclaration(threeLanguages(), "deu_1996.html", new AbortController().signal);
  expect(language).toBe("Standard German");
  expect(words.slice(0, 5).join(" ")).toBe("die allgemeine erklärung der menschenrechte");
});

test("an entry lost between map and reduce is detected", async () => {
  const { "words.collect": collect, ...others } = words.handlers;
  const losing = { ...collect, processBatch: (entries: readonly unknown[]) => entries.slice(1) };
  await using engine = await createEngine({ handlers: { ...others, "words.collect": losing } });
  const task = await engine.run(words, { params: { folder: threeLanguages(), most: 10, letters: 5 } });
  const { failure } = await task.wait();
  expect(failure).toMatchObject({ nodeId: "top", reasonCode: "entries_lost" });
});

const onSource = resolve("test/helpers/flowkit-from-source.ts");
const start = (...args: readonly string[]) =>
  startProcess(process.execPath, ["--import", onSource, resolve("examples/map-reduce/main.ts"), ...args]);

test("the program prints the words that most languages share", async () => {
  const { exitCode, output } = await start("--most", "3", threeLanguages()).outcome;
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  expect(output).toContain("✔ a_to_f.reduce     1 batch");
  expect(output).toContain(" words in 4 translations, ");
  expect(output.split("shared by most languages\n")[1]).toBe(
    [
      "religion      3 ████████████████ English, French, Standard German\n",
      "applicable    2 ███████████      English, French\n",
      "article       2 ███████████      English, French\n",
    ].join(""),
  );
});

test("Ctrl-C stops it immediately and reports it", async () => {
  const program = start();
  await program.printed("✔ list");
  program.signal("SIGINT");
  const { exitCode, output } = await program.outcome;
  expect(output).toContain("Ctrl-C");
  expect(output).not.toContain("✔ top");
  expect(exitCode).toBe(130);
});
