import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { Assignability } from "../../src/graph/data/fit.ts";
import { mismatchText } from "../../src/graph/data/mismatch.ts";
import { storedType, wireType } from "../../src/graph/data/zod-data.ts";
import { pairs } from "./mismatches.ts";

/* Of each mismatch the compiler and `compile()` say the same, word by word. */

const file = fileURLToPath(new URL("mismatches.ts", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));
const said = compilerTexts();

describe("a mismatch in the compiler's words", () => {
  test.each(pairs.map(([output, input], index) => [said[index], output, input] as const))(
    "%s",
    (text, output, input) => {
      expect(mismatchText(storedType(output), wireType(input), new Assignability())).toBe(text);
    },
  );
});

function compilerTexts(): readonly (string | undefined)[] {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config,
    ts.sys,
    root,
  );
  const program = ts.createProgram({ rootNames: [file], options });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  const declared = module && checker.getExportsOfModule(module).find(({ name }) => name === "texts");
  if (declared === undefined) throw new Error(`${file} declares no texts`);
  const tuple = checker.getTypeOfSymbol(declared);
  return checker
    .getTypeArguments(tuple as ts.TypeReference)
    .map((type) => (type.isStringLiteral() ? type.value : checker.typeToString(type)));
}
