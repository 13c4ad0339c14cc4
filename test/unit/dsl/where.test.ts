import { defineHandler, defineInputAdapter, exists, flow, graphHash, not, parseGraph } from "flowkit";
import { describe, expect, it } from "vitest";
import * as z from "zod";

const data = z.object({ kind: z.enum(["a", "b"]), $not: z.int(), at: z.object({ $exists: z.string() }).optional() });
const src = defineHandler("src", { output: data, iterBatches: () => [] });
const sink = defineHandler("sink", { input: z.json(), output: z.null(), processBatch: () => null });
const base = flow().node("src", src);
const argsOf = (built: { compile(): ReturnType<typeof parseGraph> }) =>
  built.compile().nodes.at(-1)?.io?.input_inline?.input_args;

describe("where", () => {
  it("is written in the graph as JSON, with keys escaped that would read as an operator", () => {
    const where = { kind: not(["b"]), $not: 5, at: { $exists: "x" } } as const;
    const built = base.node("sink", sink, { after: ["src"], where });
    expect(argsOf(built)).toEqual({
      from_nodes: ["src"],
      where: { kind: { $not: ["b"] }, $$not: 5, at: { $$exists: "x" } },
    });
    expect(built.compile().schema_version).toBe("1.1");
  });

  it("may accompany the arguments of any adapter", () => {
    const input = { adapter: "pull.from_artifacts.rechunk:size", size: 2 } as const;
    expect(argsOf(base.then("sink", sink, { where: { at: not(exists) }, input }))).toEqual({
      from_nodes: ["src"],
      size: 2,
      where: { at: { $not: { $exists: true } } },
    });
  });

  it("of undefined counts as none, and the version stays 1.0", () => {
    // biome-ignore lint/suspicious/noExplicitAny: as JavaScript writes it
    const built = base.then("sink", sink, { where: undefined } as any);
    expect(argsOf(built)).toEqual({ from_nodes: ["src"] });
    expect(built.compile().schema_version).toBe("1.0");
    expect(graphHash(built.compile())).toBe(graphHash(parseGraph(base.then("sink", sink).compile())));
  });

  it("reads an input of a subflow", () => {
    const part = flow("part", { inputs: { cases: data } }).node("sink", sink, {
      after: ["cases"],
      where: { kind: "a" },
    });
    const node = base
      .use("part", part, { inputs: { cases: "src" } })
      .compile()
      .nodes.at(-1);
    expect(node?.io?.input_inline?.input_args).toEqual({ from_nodes: ["src"], where: { kind: "a" } });
  });

  // biome-ignore lint/suspicious/noExplicitAny: what TypeScript refuses, as JavaScript writes it
  const bad = (options: any, of: any = base) => of.then("sink", sink, options);
  const own = defineInputAdapter("own", { args: z.object({ where: z.string() }), expand: ({ meta }) => [meta] });

  it.each([
    ["a text", bad({ where: "a" }), "node 'sink': 'where' must be an object"],
    [
      "an argument of the input",
      bad({ input: { adapter: "pull.from_artifacts", where: { kind: "a" } } }),
      "node 'sink': adapter 'pull.from_artifacts' does not accept argument 'where'",
    ],
    ["a function", base.fn("f", "noop", { after: ["src"], where: {} } as never), "node 'f': unknown option 'where'"],
    ["an empty list", bad({ where: { kind: [] } }), "where.kind must not be empty"],
    [
      "an adapter with an argument of this name",
      bad(
        { where: { kind: "a" }, input: { adapter: "own", where: "x" } },
        flow("f", { adapters: [own] }).node("src", src),
      ),
      "node 'sink': adapter 'own' has an argument 'where' of its own, so the node cannot have one",
    ],
  ])("is refused: %s", (_, built, message) => {
    expect(() => built.compile()).toThrow(message);
  });
});

describe("exhaustive", () => {
  const take = (where: object) => ({ after: ["src"], where }) as never;
  // biome-ignore lint/suspicious/noExplicitAny: what TypeScript refuses, as JavaScript writes it
  const check = (built: any, key: string) => () => built.exhaustive("src", key).compile();

  it("accepts patterns that certainly cover each case", () => {
    expect(check(base.then("all", sink), "at.$exists")).not.toThrow();
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const both: any = base.node("a", sink, take({ kind: "a" })).node("b", sink, take({ kind: not("a") }));
    expect(both.exhaustive("src", "kind").then("next", sink).compile()).toEqual(both.then("next", sink).compile());
    const rest = base.node("a", sink, take({ $not: not([1, 2]) })).node("b", sink, take({ $not: [1, 2] }));
    expect(check(rest, "$not")).not.toThrow();
    const each = base.node("a", sink, take({ $not: not([1, 2]) })).node("b", sink, take({ $not: not(3) }));
    expect(check(each, "$not")).not.toThrow();
    expect(
      check(base.node("a", sink, take({ at: exists })).node("b", sink, take({ at: not(exists) })), "at"),
    ).not.toThrow();
  });

  it.each([
    ["a case of no node", base.node("a", sink, take({ kind: "a" })), "kind", "edge 'src': kind \"b\" goes nowhere"],
    ["a negation alone", base.node("a", sink, take({ $not: not(1) })), "$not", "edge 'src': $not 1 goes nowhere"],
    [
      "what each negation excludes",
      base.node("a", sink, take({ $not: not([1, 2]) })).node("b", sink, take({ $not: not([3, 2]) })),
      "$not",
      "edge 'src': $not 2 goes nowhere",
    ],
    [
      "single values",
      base.node("a", sink, take({ $not: 1 })),
      "$not",
      "'$not' of 'src' is number, which has no cases: a node must take the rest (where $not: not(...))",
    ],
    ["a missing key", base.node("a", sink, take({ at: exists })), "at", "edge 'src': at undefined goes nowhere"],
    ["another key", base.node("a", sink, take({ kind: ["a", "b"], $not: 1 })), "kind", 'kind "a" | "b" goes nowhere'],
    [
      "a condition",
      base.then("a", sink, { when: { status: { src: "finished" } } }),
      "kind",
      'kind "a" | "b" goes nowhere',
    ],
    [
      "an unknown key",
      base.then("a", sink),
      "knd",
      "'knd' is not a key of what 'src' stores, which has kind, $not, at",
    ],
  ])("refuses %s", (_, built, key, message) => {
    expect(check(built, key)).toThrow(message);
  });

  it("refuses an unknown source, and is checked in a subflow too", () => {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const any = base as any;
    expect(() => any.exhaustive("scr", "kind").compile()).toThrow("'scr' is not a node declared before");
    const part = flow("part", { inputs: { cases: data } }).node("a", sink, {
      after: ["cases"],
      where: { kind: "a" },
    });
    expect(() =>
      any.use("p", (part as typeof any).exhaustive("cases", "kind"), { inputs: { cases: "src" } }).compile(),
    ).toThrow("edge 'cases': kind \"b\" goes nowhere");
  });
});
