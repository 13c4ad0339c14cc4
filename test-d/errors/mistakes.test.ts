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

/** Where a sentence begins later than in the first 60 characters: what the compiler says before it in words of its own. */
const lateCodes: Readonly<Record<string, string>> = {
  TS2345: "a whole argument: 'Argument of type is not assignable to parameter of type' alone takes the place",
  TS2353: "a key of an object of which no key is right: 'Object literal may only specify known properties' comes first",
  TS2684: "the receiver of a method: its type comes first",
  TS2741: "a key is missing: 'Property is missing in type but required in type' comes first",
};
const schema = "the type of the schema comes first";
const lateRules: Readonly<Record<string, string>> = {
  "a key of limits without a limit": "the type of the parameter's place comes first",
  "argument of a handler's custom adapter missing": "the type of the adapter comes first",
  "parameter of another type that was written before, in a function's args": "the type of the parameter comes first",
  "output that is not JSON": schema,
  "output with a one-way transform": schema,
  "output of a custom function that is not JSON": schema,
  "input of a flow of zod 3": schema,
  "output of a custom function of zod 3": schema,
  "input of zod 3": schema,
  "params of zod 3": schema,
  "args of zod 3": schema,
  "invalid input name": schema,
};

test("sentences begin within the first 60 characters, with the exceptions listed", () => {
  const late = [...compiled.byRule].flatMap(([rule, said]) =>
    said.flatMap(({ code, text }) => (placeOf(text.split("\n")[0] ?? "") < 60 ? [] : [{ rule, code }])),
  );
  const ruled = late.filter(({ code }) => !Object.hasOwn(lateCodes, code)).map(({ rule }) => rule);
  expect(new Set(ruled)).toEqual(new Set(Object.keys(lateRules)));
  expect(new Set(late.map(({ code }) => code))).toEqual(new Set([...Object.keys(lateCodes), "TS2322"]));
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

/** Where the sentence begins; at 0 where the compiler has only words of its own. */
const placeOf = (line: string): number => {
  const found = /Wrong\w*<"/.exec(line);
  return found === null ? 0 : found.index + found[0].length;
};

/** The sentence in the compiler's own, where it names the type that carries it. */
function sentenceIn(line: string): string {
  const [, quoted = ""] = /Wrong\w*<("(?:[^"\\]|\\.)*")[,>]/.exec(line) ?? [];
  return quoted === "" ? "" : JSON.parse(quoted);
}

function isFilled(template: string, sentence: string): boolean {
  const pieces = template.split(/\{\w+\}/).map((piece) => piece.replaceAll(/[^\w\s]/g, "\\$&"));
  return new RegExp(`^${pieces.join(".+")}(?: \\(did you mean '.+'\\?\\))?$`).test(sentence);
}
