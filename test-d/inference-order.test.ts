import { expect, inject, test } from "vitest";
import { compilers } from "./compilers.ts";
import { LibraryWorkspace } from "./library.ts";

/*
 * Members of a handler may stand in any order: every order of them is compiled, with types that only the right inference
 * has. 5.9 and 6.0 infer by the same code: each compiles every fourth order.
 */

const members: Readonly<Record<string, string>> = {
  args: "args: z.object({ by: z.int() })",
  input: "input: z.object({ at: day })",
  output: "output: z.object({ at: day, n: z.int() })",
  result: "result: z.object({ last: day })",
  processBatch: `processBatch(payload, ctx) {
    const at: Date = payload.at;
    return { at, n: same<number, typeof ctx.args.by>(ctx.args.by) };
  }`,
  finalize: `async finalize(ctx) {
    for await (const { at } of ctx.outputs()) return { last: same<Date, typeof at>(at) };
    return { last: new Date(0) };
  }`,
};

const source: Readonly<Record<string, string>> = {
  args: "args: z.object({ by: z.int() })",
  output: "output: z.object({ at: day })",
  iterBatches: "*iterBatches(args) { yield { payload: { at: new Date(same<number, typeof args.by>(args.by)) } }; }",
  processBatch: "processBatch: async (payload) => ({ at: same<Date, typeof payload.at>(payload.at) })",
};

const suggesting: Readonly<Record<string, string>> = {
  input: "input: z.array(z.object({ at: day }))",
  output: "output: z.object({ at: day })",
  inputAdapter: 'inputAdapter: { adapter: "pull.from_artifacts.rechunk:size", size: 1 }',
  processBatch: `processBatch(rows) {
    const all = rows.map(({ at }) => at);
    return { at: same<Date[], typeof all>(all)[0] ?? new Date(0) };
  }`,
};

const setting: Readonly<Record<string, string>> = {
  input: "input: z.int()",
  output: "output: z.int()",
  setup: "setup: async () => ({ pool: new Map([[1, 2]]) })",
  teardown: "teardown: ({ pool }) => same<Map<number, number>, typeof pool>(pool).clear()",
  processBatch: `processBatch(n, ctx) {
    return same<Map<number, number>, typeof ctx.services.pool>(ctx.services.pool).get(n) ?? 0;
  }`,
};

function* ordersOf(names: readonly string[]): Generator<readonly string[]> {
  if (names.length === 0) yield [];
  for (const first of names) {
    for (const rest of ordersOf(names.filter((name) => name !== first))) yield [first, ...rest];
  }
}

const orders = [members, source, suggesting, setting].flatMap((texts) =>
  [...ordersOf(Object.keys(texts))].map((names) => names.map((name) => texts[name]).join(",\n")),
);

const programOf = (orders: readonly string[]) => `import { defineHandler } from "flowkit";
import * as z from "zod";
const day = z.codec(z.iso.date(), z.date(), { decode: (text) => new Date(text), encode: (date) => date.toISOString() });
type Same<A, B> = [A, B] extends [B, A] ? (0 extends 1 & B ? never : A) : never;
const same = <A, B>(value: Same<A, B>): A => value;
${orders.map((order) => `defineHandler("x", {\n${order},\n});`).join("\n")}
`;

test.each(compilers)(
  "all orders, with TypeScript %s",
  async (compiler) => {
    using workspace = new LibraryWorkspace(`inference-${compiler}`, inject("library"));
    const share = compiler === "7.0" ? orders : orders.filter((_, index) => index % 4 === (compiler === "5.9" ? 0 : 1));
    workspace.write("orders.ts", programOf(share));
    const { diagnostics } = await workspace.compileUser(compiler, "orders.ts");
    expect(orders).toHaveLength(720 + 24 + 24 + 120);
    expect(diagnostics.slice(0, 3)).toEqual([]);
  },
  120_000,
);
