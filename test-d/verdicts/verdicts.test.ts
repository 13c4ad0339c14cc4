import { beforeAll, expect, inject, test } from "vitest";
import { LibraryWorkspace } from "../library.ts";
import { describe as described } from "./disagreement.ts";
import { judge } from "./judge.ts";
import { known } from "./known.ts";
import { compilerVerdicts, drawFamilies, type Family, programOf, type Question, type Verdict } from "./program.ts";
import { schemaOf } from "./samples.ts";

/*
 * The compiler, `compile()` and a run agree on drawn pairs of schemas, or `known.ts` says why not. A larger draw: `npm run
 * verdicts -- --families 1000 --seed 7`.
 */

const families = drawFamilies({ seed: 20_260, count: 30 });
const program = programOf(families);
const modes = [true, false];
const said = new Map<boolean, ReadonlyMap<Question, Verdict>>();

beforeAll(async () => {
  using workspace = new LibraryWorkspace("verdicts", inject("library"));
  workspace.write("program.ts", program.text);
  for (const exactOptionalPropertyTypes of modes) {
    const { diagnostics } = await workspace.compileUser("7.0", "program.ts", { exactOptionalPropertyTypes });
    expect(diagnostics.filter(({ line }) => !program.questions.has(line))).toEqual([]);
    said.set(exactOptionalPropertyTypes, compilerVerdicts(program, diagnostics));
  }
});

test.each(modes)("all three agree, with exactOptionalPropertyTypes: %s", (mode) => {
  const { unexplained, counts } = judge(program, said.get(mode) ?? new Map());
  expect(unexplained.map(described)).toEqual([]);
  // The draw is worth something only if each verdict is frequent.
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(100);
});

test("a disagreement is found", () => {
  // The library sees a schema that the compiler did not see.
  const planted = (family: Family): boolean =>
    family.plain && !family.members.some(({ source }) => source === "z.json()");
  const at = families.findIndex(planted);
  const member = families[at]?.members[0];
  if (member === undefined) throw new Error("no family is plain");
  const schema = member.schema;
  Object.assign(member, { schema: schemaOf("z.object({ planted: z.string() })") });
  const { unexplained } = judge(program, said.get(true) ?? new Map());
  Object.assign(member, { schema });
  expect(unexplained.map(({ conflict }) => conflict)).toContain("only the library refuses");
});

test("each entry of the list says why", () => {
  expect(known.filter(({ reason }) => reason.length < 30)).toEqual([]);
});
