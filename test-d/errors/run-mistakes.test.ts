import { FlowError } from "flowkit";
import { beforeAll, describe, expect, test } from "vitest";
import { compilers } from "../compilers.ts";
import { type CompiledMistakes, compileMistakes } from "./compiled-mistakes.ts";
import { runMistakes } from "./run-mistakes.ts";

/* Every run that is refused twice: by the compilers, at its token, and by the engine, in the same words. */

let compiled: CompiledMistakes;
beforeAll(async () => {
  compiled = await compileMistakes("run-mistakes.ts");
});

test("the compilers reject nothing but the mistakes", () => {
  expect(compiled.elsewhere).toEqual([]);
});

describe.each(runMistakes)("$rule", ({ rule, words, token, atRunTime = true, make }) => {
  test.each(compilers)("TypeScript %s reports it at the token", (compiler) => {
    const said = compiled.byRule.get(rule)?.filter((one) => one.compiler === compiler) ?? [];
    expect(said).toHaveLength(1);
    for (const one of said) {
      expect(compiled.place(one).text.slice(0, token.length)).toBe(token);
      expect(one.text.split("\n")[0]).toContain(`"${words}"`);
    }
  });

  if (!atRunTime) return;
  test("run() reports the same message", async () => {
    const thrown = await make().catch((error: unknown) => error);
    expect(FlowError.is(thrown) && thrown.code).toMatch(/^(GRAPH|PARAMS)_INVALID$/);
    expect(thrown).toHaveProperty("message", expect.stringContaining(words));
  });
});
