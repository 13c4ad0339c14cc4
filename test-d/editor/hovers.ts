const source = `{
  args: z.object({ size: z.int() }),
  input: z.object({ rows: z.array(z.object({ id: z.string(), price: z.number() })) }),
  output: z.object({ n: z.int() }),
`;

/** Positions under the mouse: the identifier after "|". */
export const hovers: readonly string[] = [
  `const |shop = flow("shop", { params: z.object({ date: z.iso.date() }) })
  .node("extract", extract, { args: { batchSize: 500 } })
  .node("count", count, { after: ["extract"] });`,
  `const |empty = flow("shop");`,
  `etl.|node("w", count, { after: ["extract"] })`,
  `etl.|then("w", byDay, { args: { date: "" } })`,
  `etl.|fn("w", "noop", { after: ["extract"] })`,
  `etl.node("w", count, { |after: ["extract"] })`,
  `etl.node("w", count, { after: ["extract"], |startWhen: "ready" })`,
  `etl.node("w", count, { after: ["extract"], input: { |adapter: "pull.from_artifacts" } })`,
  `etl.node("w", extract, { args: { |batchSize: 500 } })`,
  `etl.|compile()`,
  `const |graph = etl.compile()`,
  `|defineHandler`,
  `const |sum = defineHandler("sum", ${source}  processBatch: () => ({ n: 1 }),
});`,
  `defineHandler("sum", ${source}  |processBatch: () => ({ n: 1 }),
});`,
  `defineHandler("sum", ${source}  processBatch: (|payload) => ({ n: payload.rows.length }),
});`,
  `defineHandler("sum", ${source}  processBatch: ({ |rows }) => ({ n: rows.length }),
});`,
  `defineHandler("sum", ${source}  processBatch: (payload, |ctx) => ({ n: ctx.args.size }),
});`,
  `defineHandler("sum", ${source}  processBatch: (payload, ctx) => ({ n: ctx.|args.size }),
});`,
  `defineHandler("read", { args: z.object({ size: z.int() }), output: z.int(), *iterBatches(|args) {} })`,
  `type |Ids = IdsOf<typeof etl>;`,
  `type |Params = typeof etl.$infer.params;`,
  `type |Outputs = typeof etl.$infer.outputs;`,
  `task.|result()`,
  `const |result = await task.result();`,
  `for await (const |meta of task.artifacts("extract")) console.log(meta);`,
  `|notify`,
  `|latest`,
];

/** Incomplete calls: the help for their arguments. */
export const calls: readonly string[] = [
  `etl.node("w", |`,
  `etl.node("w", count, { after: ["extract"], | })`,
  `etl.then("w", byDay, { | })`,
  `etl.fn("w", "merge.generic", { | })`,
  `flow("shop", |`,
  `param(|`,
  `engine.run(etl, |`,
  `task.artifacts(|`,
];
