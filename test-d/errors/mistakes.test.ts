import { readdirSync } from "node:fs";
import { FlowError } from "flowkit";
import { beforeAll, describe, expect, test } from "vitest";
import { messages } from "../../src/graph/format/messages.ts";
import { compilers } from "../compilers.ts";
import { checksPage } from "./checks-page.ts";
import { type CompiledMistakes, compileMistakes } from "./compiled-mistakes.ts";
import { mistakes } from "./mistakes/index.ts";
import { printMistakes } from "./print-mistakes.ts";
import { runMistakes } from "./run-mistakes.ts";

/*
 * Every mistake twice: what the compilers say and where, and what `compile()` says; or of a run that is refused, the
 * engine, in the same words.
 */

let compiled: CompiledMistakes;
beforeAll(async () => {
  const files = readdirSync(new URL("mistakes", import.meta.url)).filter((file) => file !== "index.ts");
  const roots = ["mistakes/index.ts", "run-mistakes.ts"];
  compiled = await compileMistakes(
    roots,
    files.map((file) => `mistakes/${file}`),
  );
});

test("all messages of the compilers", async () => {
  await expect(printMistakes(mistakes, compiled)).toMatchFileSnapshot("mistakes.txt");
});

test("the page of all checks", async () => {
  await expect(checksPage(compiled)).toMatchFileSnapshot("../../docs/checks.md");
});

test("the compilers reject nothing but the mistakes", () => {
  expect(compiled.elsewhere).toEqual([]);
});

test("the names of rules are unique", () => {
  const rules = [...mistakes, ...runMistakes].map(({ rule }) => rule);
  expect(rules).toEqual([...new Set(rules)]);
});

describe.each(mistakes)("$rule", ({ rule, words, ownWords, token, atRunTime = true, make, right }) => {
  test.each(compilers)("TypeScript %s reports it at the token", (compiler) => {
    const said = compiled.byRule.get(rule)?.filter((one) => one.compiler === compiler) ?? [];
    expect(said).toHaveLength(1);
    for (const one of said) {
      expect(compiled.place(one).text.slice(0, token.length)).toBe(token);
      if (ownWords !== undefined) {
        if (!atRunTime) expect(one.text).toContain(words);
        continue;
      }
      const sentence = sentenceIn(one.text.split("\n")[0] ?? "");
      expect(sentence).toContain(words);
      expect(Object.values(messages).filter((template) => isFilled(template, sentence))).not.toEqual([]);
    }
  });

  test("compiles without the mistake", () => {
    expect(right().compile().nodes.length).toBeGreaterThan(0);
  });

  if (!atRunTime) return;
  test("compile() reports the same message", () => {
    let thrown: unknown;
    try {
      make().compile();
    } catch (error) {
      thrown = error;
    }
    expect(FlowError.is(thrown) && thrown.code).toMatch(/^(FLOW|HANDLER)_/);
    expect(thrown instanceof Error && thrown.message).toContain(words);
  });
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

/** The sentence in the compiler's own, where it names the type that carries it. */
function sentenceIn(line: string): string {
  const [, quoted = ""] = /Flow\w*Error<("(?:[^"\\]|\\.)*")[,>]/.exec(line) ?? [];
  return quoted === "" ? "" : JSON.parse(quoted);
}

function isFilled(template: string, sentence: string): boolean {
  const pieces = template.split(/\{\w+\}/).map((piece) => piece.replaceAll(/[^\w\s]/g, "\\$&"));
  return new RegExp(`^${pieces.join(".+")}(?: \\(did you mean '.+'\\?\\))?$`).test(sentence);
}
