/*
 * Source texts of programs with flows of any size. Handlers have schemas of two fields; all are different, so that the
 * compiler cannot reuse results from one for the next.
 */

/** The parts of a program; each includes the parts before it, so the difference is the cost of one. */
export const parts = ["zod", "handlers", "chain", "options"] as const;
export type Part = (typeof parts)[number];

/** A flow of `count` nodes with up to three parents each. */
export function threeParents(count: number, part: Part): string {
  const indices = range(count);
  if (part === "zod") return program(indices.map(schemasOnly));
  const handlers = indices.map((index) => handler(index, part === "options" ? 'errors: ["e1", "e2"],' : ""));
  if (part === "handlers") return program(handlers);
  const steps = indices.map((index) => {
    if (index === 0) return root(index);
    const parents = list([index - 1, index - 2, index - 5].filter((parent) => parent >= 0));
    return part === "chain"
      ? node(index, `after: ${parents}`)
      : node(
          index,
          `after: ${parents}, fanIn: ${index % 2 === 0 ? '"any"' : '"count:1"'}, startWhen: "first_batch",
           retry: { max: 3, permanentOn: ["e1", "schema_mismatch"] },
           input: { adapter: "pull.from_artifacts", from: ${parents} }`,
        );
  });
  return program(handlers, flowOf(steps));
}

/** The same, but the node in the middle needs an input that its parent does not produce. */
export function oneMistake(count: number): string {
  const middle = Math.floor(count / 2);
  const lines = threeParents(count, "chain").split("\n");
  const at = lines.findIndex((line) => line.includes(`.node("n${middle}"`));
  if (at === -1) throw new Error(`missing node n${middle}`);
  lines[at] = `.node("n${middle}", wrong, { after: ["n${middle - 1}"] })`;
  lines.splice(
    2,
    0,
    'const wrong = defineHandler("wrong", { input: z.object({ id: z.number() }), output: z.object({ id: z.string() }) });',
  );
  return lines.join("\n");
}

/** Names that do not exist, among many that do: a parent, a source, a parameter and a reason code. */
export function unknownNames(count: number): string {
  const indices = range(count);
  const params = `params: z.object({ ${indices.map((index) => `p${index}: z.string()`).join(", ")} })`;
  const day =
    'const day = defineHandler("day", { args: z.object({ day: z.string() }), output: z.null(), *iterBatches() {} });';
  const all = list(indices);
  return program(
    [...indices.map((index) => handler(index)), handler(count), day],
    flowOf(
      [
        ...indices.map(root),
        node(count, 'after: ["n0", "n"]'),
        `.node("sources", h${count}, { after: ${all}, input: { adapter: "pull.from_artifacts", from: ["n"] } })`,
        '.node("days", day, { args: { day: param("p") } })',
        '.node("codes", day, { args: { day: "" }, retry: { permanentOn: ["n"] } })',
      ],
      params,
    ),
  );
}

/** One node, and `count` that read it. */
export function fanOut(count: number): string {
  const readers = range(count).map((index) => index + 1);
  return program(
    [0, ...readers].map((index) => handler(index)),
    flowOf([root(0), ...readers.map((index) => node(index, 'after: ["n0"]'))]),
  );
}

/** `count` nodes, and one that reads them all. */
export function fanIn(count: number): string {
  const sources = range(count);
  return program(
    [...sources, count].map((index) => handler(index)),
    flowOf([...sources.map(root), node(count, `after: ${list(sources)}`)]),
  );
}

/** Layers of three, each node gathering the three before it. */
export function gathered(count: number): string {
  const above = (index: number) => range(count).filter((other) => Math.floor(other / 3) === Math.floor(index / 3) - 1);
  const gatherer = (index: number) => {
    const lists = above(index).map((n) => `n${n}: z.array(z.object({ id: z.string(), v${n}: z.number() }))`);
    return `const h${index} = defineHandler("h${index}", { input: z.object({ ${lists.join(", ")} }), output: z.object({ id: z.string(), v${index}: z.number() }) });`;
  };
  const isRoot = (index: number) => index < 3;
  return program(
    range(count).map((index) => (isRoot(index) ? handler(index) : gatherer(index))),
    flowOf(
      range(count).map((index) =>
        isRoot(index) ? root(index) : node(index, `after: ${list(above(index))}, input: { adapter: "pull.gather" }`),
      ),
    ),
  );
}

/** Each node after the one before, by `.then`. */
export function chain(count: number): string {
  const indices = range(count);
  const steps = indices.map((index) => (index === 0 ? root(0) : `.then("n${index}", h${index})`));
  return program(
    indices.map((index) => handler(index)),
    flowOf(steps),
  );
}

/** Three nodes whose payloads are unions: of `count` objects, and of `count` literals. */
export function wideUnions(count: number): string {
  const objects = range(count).map((index) => `z.object({ kind: z.literal("k${index}"), v${index}: z.string() })`);
  const texts = range(count).map((index) => `"t${index}"`);
  const unions = [`z.discriminatedUnion("kind", [${objects.join(", ")}])`, `z.literal([${texts.join(", ")}])`];
  return program(
    unions.flatMap((union, index) => [
      `const h${2 * index} = defineHandler("h${2 * index}", { output: ${union} });`,
      `const h${2 * index + 1} = defineHandler("h${2 * index + 1}", { input: ${union}, output: z.null() });`,
    ]),
    flowOf([node(0, ""), node(1, 'after: ["n0"]'), node(2, ""), node(3, 'after: ["n2"]')]),
  );
}

/** An edge between two wide types. */
function wideEdge(given: string, needed: string): string {
  return program(
    [
      `const h0 = defineHandler("h0", { output: ${given} });`,
      `const h1 = defineHandler("h1", { input: ${needed}, output: z.null() });`,
    ],
    flowOf([node(0, ""), '.then("n1", h1)']),
  );
}

/** A row of which every column has the type `given`, where `needed` is needed. */
export function wideRow(columns: number, given: string, needed: string): string {
  const row = (type: string) =>
    `z.object({ ${range(columns)
      .map((index) => `c${index}: z.${type}()`)
      .join(", ")} })`;
  return wideEdge(row(given), row(needed));
}

/** An enum whose members begin with `given`, where they must begin with `needed`. */
export function wideEnum(members: number, given: string, needed: string): string {
  const texts = (start: string) =>
    `z.enum([${range(members)
      .map((index) => `"${start}${index}"`)
      .join(", ")}])`;
  return wideEdge(texts(given), texts(needed));
}

/** The same, as a union of literals. */
export function wideLiterals(members: number, given: string, needed: string): string {
  const literals = (start: string) =>
    `z.union([${range(members)
      .map((index) => `z.literal("${start}${index}")`)
      .join(", ")}])`;
  return wideEdge(literals(given), literals(needed));
}

/** Objects of many kinds, each with a key of the type `given`, where `needed` is needed. */
export function wideKinds(kinds: number, given: string, needed: string): string {
  const union = (type: string) =>
    `z.discriminatedUnion("kind", [${range(kinds)
      .map((index) => `z.object({ kind: z.literal("k${index}"), v${index}: z.${type}() })`)
      .join(", ")}])`;
  return wideEdge(union(given), union(needed));
}

/** A flow that uses a subflow of `size` nodes `uses` times in a row: longer than a chain can be. */
export function inParts(size: number, uses: number): string {
  const indices = range(size);
  const steps = indices.map((index) =>
    index === 0 ? '.then("n0", h0)' : node(index, `after: ${list(behind(index))}`),
  );
  const part = `const part = flow("part", { inputs: { src: z.object({ id: z.string() }) } })\n  ${steps.join("\n  ")};`;
  const used = range(uses).map((use) => {
    const source = use === 0 ? "first" : `p${use - 1}.n${size - 1}`;
    return `.use("p${use}", part, { inputs: { src: "${source}" } })`;
  });
  const ends = ['.then("last", h0)', '.node("more", h1, { after: ["p0.n1", "last"] })'];
  return program(
    [...indices.map((index) => handler(index)), part],
    flowOf(['.node("first", h0, { args: { id: "x" } })', ...used, ...ends]),
  );
}

const behind = (index: number) => [index - 1, index - 2, index - 5].filter((parent) => parent >= 0);

/** All options of a node, on every node, with parameters among the arguments. */
export function everyOption(count: number): string {
  const indices = range(count);
  const args = (index: number) =>
    `args: z.object({ day: z.string(), limit${index % 7}: z.number().optional() }), errors: ["e1", "e2"],`;
  const steps = indices.map((index) => {
    if (index === 0) return '.node("n0", h0, { args: { id: "x", day: param("day") } })';
    const parents = list([index - 1, index - 2].filter((parent) => parent >= 0));
    return node(
      index,
      `after: ${parents}, fanIn: "count:1", startWhen: "first_batch", args: { day: param("day"), limit${index % 7}: ${index} },
       input: { adapter: "pull.from_artifacts", from: ${parents}, pollMs: 5 }, timeoutSec: 60, partitions: 2, maxPendingBatches: 10,
       retry: { max: 3, backoffSec: 1, backoffFactor: 2, backoffMaxSec: 60, jitter: 0, permanentOn: ["e1", "schema_mismatch"] }`,
    );
  });
  return program(
    indices.map((index) => handler(index, args(index))),
    flowOf(steps, "params: z.object({ day: z.string(), size: z.number() })"),
  );
}

/** Custom adapters and coordinator functions: every second step is a function. */
export function ownDefinitions(count: number): string {
  const indices = range(count);
  const adapters = range(10).map(ownAdapter);
  const functions = indices.filter((index) => index % 2 === 1).map(ownFunction);
  const handlers = indices.filter((index) => index % 2 === 0).map((index) => handler(index));
  const steps = indices.map((index) => {
    if (index === 0) return root(0);
    return index % 2 === 1
      ? `.fn("n${index}", f${index}, { after: ["n${index - 1}"], args: { channel${index % 7}: "x" } })`
      : node(index, `after: ["n${index - 1}"], input: { adapter: "pull.own${index % 10}", window${index % 10}: 1 }`);
  });
  const names = range(10).map((index) => `a${index}`);
  return program([...adapters, ...functions, ...handlers], flowOf(steps, `adapters: [${names.join(", ")}]`));
}

/**
 * The contents of large programs, in groups of six: a source, chunks of its list, a custom adapter, a gather with aliases, a
 * custom function, and a partial gather. All take parameters, and the node of every handler has its own retries.
 */
export function mixed(count: number): string {
  const indices = range(count);
  const item = (index: number) => `z.object({ id: z.string(), v${index}: z.number() })`;
  const inputOf = (index: number): string | undefined => {
    switch (index % 6) {
      case 1:
        return `z.array(${item(index - 1)})`;
      case 2:
        return `z.object({ id: z.string(), a${index % 7}: z.number().optional() })`;
      case 3:
        return `z.object({ left: z.array(${item(index - 2)}), right: z.array(${item(index - 1)}) })`;
      case 5:
        return `z.object({ n${index - 2}: z.array(${item(index - 2)}).optional(), n${index - 1}: z.array(z.json()).optional() })`;
      default:
        return undefined;
    }
  };
  const definition = (index: number): string => {
    if (index % 6 === 4) return ownFunction(index);
    const input = inputOf(index);
    const output =
      index % 6 === 0 ? `z.object({ id: z.string(), rows${index}: z.array(${item(index)}) })` : item(index);
    return `const h${index} = defineHandler("h${index}", { args: z.object({ day: z.string(), limit${index % 7}: z.number().optional() }), errors: ["e1", "e2"], ${input === undefined ? "*iterBatches() {}" : `input: ${input}`}, output: ${output} });`;
  };
  const readingOf = (index: number): string => {
    const [first, second] = [`n${index - 2}`, `n${index - 1}`];
    switch (index % 6) {
      case 1:
        return `after: ["${second}"], input: { adapter: "pull.from_artifacts.rechunk:size", size: 10, metaListKey: "rows${index - 1}" },`;
      case 2:
        return `after: ["${first}"], input: { adapter: "pull.own${index % 10}", window${index % 10}: 1 },`;
      case 3:
        return `after: ["${first}", "${second}"], input: { adapter: "pull.gather", from: { left: "${first}", right: "${second}" } },`;
      case 5:
        return `after: ["${first}", "${second}"], fanIn: "any", input: { adapter: "pull.gather" },`;
      default:
        return "";
    }
  };
  const step = (index: number): string =>
    index % 6 === 4
      ? `.fn("n${index}", f${index}, { after: ["n${index - 1}"], args: { channel${index % 7}: param("day") } })`
      : node(
          index,
          `${readingOf(index)} args: { day: param("day"), limit${index % 7}: param("size") }, retry: { max: 3, permanentOn: ["e1", "timeout"] }`,
        );
  const adapters = range(10);
  return program(
    [...adapters.map(ownAdapter), ...indices.map(definition)],
    flowOf(
      indices.map(step),
      `params: z.object({ day: z.string(), size: z.number() }), adapters: [${adapters.map((index) => `a${index}`).join(", ")}]`,
    ),
  );
}

/** All members of a handler, with methods that use their arguments. */
export function everyMember(count: number): string {
  return program(
    range(count).map((index) => {
      const item = `id: z.string(), v${index}: z.number()`;
      return `export const h${index} = defineHandler("h${index}", {
  args: z.object({ day: z.string(), limit${index % 7}: z.number().optional() }),
  input: z.array(z.object({ ${item} })),
  output: z.object({ rows: z.array(z.object({ ${item} })), at: z.codec(z.iso.datetime(), z.date(), { decode: (text) => new Date(text), encode: (date) => date.toISOString() }) }),
  result: z.object({ kept: z.int() }),
  errors: ["e1", "e2"],
  setup() {},
  loadInput: async (args) => ({ since: args.day }),
  processBatch(rows, ctx) {
    ctx.metrics.add("rows", rows.length);
    return { rows: rows.map((row) => ({ ...row, v${index}: row.v${index} + 1 })), at: new Date(ctx.loaded.since) };
  },
  finalize: async (ctx) => ({ kept: ctx.batchCount }),
  classifyError: () => ({ code: "e1", permanent: true }),
});`;
    }),
  );
}

function ownAdapter(index: number): string {
  return `const a${index} = defineInputAdapter("pull.own${index}", { args: z.object({ window${index}: z.number() }), payload: z.object({ id: z.string() }), expand: () => [{ id: "" }] });`;
}

function ownFunction(index: number): string {
  return `const f${index} = defineCoordinatorFn("own${index}", { args: z.object({ channel${index % 7}: z.string() }), output: z.object({ id: z.string(), sent: z.boolean() }), run: () => ({ id: "", sent: true }) });`;
}

function handler(index: number, more = ""): string {
  return `const h${index} = defineHandler("h${index}", { input: z.object({ id: z.string(), a${index % 7}: z.number().optional() }), output: z.object({ id: z.string(), v${index}: z.number() }), ${more} });`;
}

/** The same schemas, and their wire types, without a handler around them. */
function schemasOnly(index: number): string {
  return `const i${index} = z.object({ id: z.string(), a${index % 7}: z.number().optional() });
const o${index} = z.object({ id: z.string(), v${index}: z.number() });
type I${index} = z.input<typeof i${index}>;
type O${index} = z.input<typeof o${index}>;
export const s${index} = [i${index}, o${index}] as unknown as [I${index}, O${index}];`;
}

const root = (index: number) => `.node("n${index}", h${index}, { args: { id: "x" } })`;
const node = (index: number, options: string) => `.node("n${index}", h${index}, { ${options} })`;
const list = (indices: readonly number[]) => `[${indices.map((index) => `"n${index}"`).join(", ")}]`;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

function flowOf(steps: readonly string[], options = ""): string {
  return `export const generated = flow("generated", { ${options} })\n  ${steps.join("\n  ")};\nexport const graph = generated.compile();`;
}

function program(definitions: readonly string[], flow = "export {};"): string {
  const body = [...definitions, flow, ""].join("\n");
  const used = ["defineCoordinatorFn", "defineHandler", "defineInputAdapter", "flow", "param"].filter((name) =>
    body.includes(`${name}(`),
  );
  const library = used.length > 0 ? `import { ${used.join(", ")} } from "flowkit";\n` : "";
  return `${library}import * as z from "zod";\n${body}`;
}

/** The difference between a program that imports the library and one that does not is the cost of the import. */
export const zodOnly = `import * as z from "zod";
export const schema = z.string();
`;
export const withFlowkit = `${zodOnly}import { flow } from "flowkit";
export const empty = flow("empty", { params: schema });
`;
