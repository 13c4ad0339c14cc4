import { globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";

// Its ES module build cannot be loaded by Node.
const { validateWorkflow } = createRequire(import.meta.url)(
  "@action-validator/core",
) as typeof import("@action-validator/core");

const workflows = globSync(".github/workflows/*.yml").sort();

test("there are workflows for CI and for publishing", () => {
  expect(workflows).toEqual([".github/workflows/ci.yml", ".github/workflows/publish.yml"]);
});

test.each(workflows)("%s is a valid workflow", (path) => {
  expect(validateWorkflow(readFileSync(path, "utf8")).errors).toEqual([]);
});

test("a misspelled key is an error", () => {
  const text = readFileSync(".github/workflows/ci.yml", "utf8").replace("runs-on:", "run-on:");
  expect(validateWorkflow(text).errors).not.toEqual([]);
});
