import typescript from "typescript";
import { expect, inject, test } from "vitest";
import { threeParents } from "../scale/programs.ts";
import { openEditor } from "./language-service.ts";

/*
 * The cost of a completion after an edit, when nothing of the file has been checked yet: that of the nodes before it, and
 * next to nothing of its own. Counts types and instantiations, since times differ between runs; 5.9 and 6.0 check by the same
 * code.
 */

test("a completion after 100 nodes costs little more than checking them", () => {
  const editor = openEditor({ typescript, prelude: "", library: inject("library") });
  const costOf = (line: string) => {
    const file = editor.open(threeParents(100, "chain").replace(/;(?=\nexport const graph)/, `\n  ${line};`));
    const { entries = [] } = editor.service.getCompletionsAtPosition(file.name, file.at, {}) ?? {};
    const program = editor.service.getProgram();
    return [entries.length, program?.getInstantiationCount(), program?.getTypeCount()];
  };
  const [ids, forIds, typesForIds] = costOf('.node("new", h0, { after: ["|"] })');
  expect(ids).toBe(100);
  expect(forIds).toBeLessThanOrEqual(93_000);
  expect(typesForIds).toBeLessThanOrEqual(18_100);
  const [options, forOptions, typesForOptions] = costOf('.node("new", h0, { | })');
  expect(options).toBeGreaterThan(10);
  expect(forOptions).toBeLessThanOrEqual(93_000);
  expect(typesForOptions).toBeLessThanOrEqual(18_100);
});
