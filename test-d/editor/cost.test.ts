import typescript from "typescript";
import { expect, inject, test } from "vitest";
import { threeParents } from "../scale/programs.ts";
import { openEditor } from "./language-service.ts";

/*
 * What a completion costs after an edit, when nothing of the file has been checked yet: the nodes before it, and next to
 * nothing of its own. Counted, since seconds differ from run to run; 5.9 and 6.0 check by the same code.
 */

test("a completion behind 100 nodes costs little more than to check them", () => {
  const editor = openEditor({ typescript, prelude: "", library: inject("library") });
  const instantiationsOf = (line: string) => {
    const file = editor.open(threeParents(100, "chain").replace(/;(?=\nexport const graph)/, `\n  ${line};`));
    const { entries = [] } = editor.service.getCompletionsAtPosition(file.name, file.at, {}) ?? {};
    return [entries.length, editor.service.getProgram()?.getInstantiationCount()];
  };
  const [ids, forIds] = instantiationsOf('.node("new", h0, { after: ["|"] })');
  expect(ids).toBe(100);
  expect(forIds).toBeLessThanOrEqual(93_000);
  const [options, forOptions] = instantiationsOf('.node("new", h0, { | })');
  expect(options).toBeGreaterThan(10);
  expect(forOptions).toBeLessThanOrEqual(93_000);
});
