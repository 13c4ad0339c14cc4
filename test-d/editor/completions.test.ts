import { beforeAll, describe, expect, test } from "vitest";
import { functions, parts } from "./call-completions.ts";
import { args, besideMistakes, halfWritten, handlers, inputs, nodes, type Place, runs } from "./completions.ts";
import { editors } from "./editors.ts";
import type { Editor, OpenFile } from "./language-service.ts";
import { rightValues } from "./right-values.ts";
import { patterns } from "./where-completions.ts";

const topics = {
  nodes,
  inputs,
  patterns,
  args,
  functions,
  parts,
  handlers,
  runs,
  "half-written code": halfWritten,
  rightValues,
  besideMistakes,
};

/**
 * Counts work, since times differ between runs. The most expensive case fills in the built-in functions' texts; where a
 * compiler compares all possible messages, it needs millions.
 */
const mostInstantiations = 40_000;

describe.each(editors)("completions of TypeScript $version", ({ editor }) => {
  describe.each(Object.entries(topics))("%s", (_, places) => {
    // Opened topic by topic: what the compiler remembers of one question can change its answer to another, which nobody
    // notices who types in between.
    let files: ReadonlyMap<Place, OpenFile>;
    beforeAll(() => {
      files = new Map(places.map((place) => [place, editor.open(place.code)]));
    });

    // Pure computation without waits: on a busy machine it only takes longer.
    test.each(places)("$what", { timeout: 3_600_000 }, (place) => {
      const before = editor.service.getProgram()?.getInstantiationCount() ?? 0;
      expect(offersAt(editor, files.get(place), place.offers)).toEqual([...place.offers].sort());
      const after = editor.service.getProgram()?.getInstantiationCount() ?? Number.POSITIVE_INFINITY;
      expect(after - before).toBeLessThanOrEqual(mostInstantiations);
    });
  });
});

function offersAt(editor: Editor, file: OpenFile | undefined, offers: readonly string[]): readonly string[] {
  if (file === undefined) throw new Error("not open");
  const { entries = [] } = editor.service.getCompletionsAtPosition(file.name, file.at, {}) ?? {};
  const typed = /[\w.]*$/.exec(file.text.slice(0, file.at))?.[0];
  return entries
    .filter(({ name }) => name !== typed || offers.includes(name)) // TypeScript offers the text that is already there
    .map(({ name, kindModifiers = "" }) => (kindModifiers.includes("optional") ? `${name}?` : name))
    .sort();
}
