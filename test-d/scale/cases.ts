import {
  chain,
  everyMember,
  everyOption,
  fanIn,
  fanOut,
  gathered,
  inParts,
  mixed,
  oneMistake,
  ownDefinitions,
  parts,
  threeParents,
  wideEnum,
  wideKinds,
  wideLiterals,
  wideRow,
  wideUnions,
  withFlowkit,
  zodOnly,
} from "./programs.ts";

export interface Case {
  readonly name: string;
  readonly program: string;
  /** The maximum number of instantiations. */
  readonly limit: number;
  /** Not tested: shown by `npm run bench:type-cost`. */
  readonly isReportOnly?: true;
}

/*
 * The limits on the cost of flows in users' compilers, in thousands of instantiations: the work of resolving generic
 * types, which, unlike time, is the same on every machine and in all three compilers.
 *
 * A limit is the last measured cost plus at most 1 %: a check that needs more is offset by a cheaper one, or justifies
 * a new limit here. Three have a budget instead: 25 nodes with every option, where the one-time costs of the first
 * node, adapter and option weigh most, 30.5 plus 6 %; 200 nodes of all kinds, 350; and handlers, 3 % above their cost
 * before they accepted schemas of other libraries. The last column must grow in even steps: a chain in which each node
 * costs more than the one before ends in TS2589.
 */
const budgets = [
  // nodes, zod alone, + handlers, + chain, + every option
  [25, 8.1, 13.8, 26, 32.3],
  [100, 26.3, 45.5, 90.3, 108],
  [200, 50.6, 87.8, 176.3, 209.1],
  [400, 99.1, 172.6, 348.8, 412],
  [500, 123.4, 215.2, 435.3, 513.8],
] as const;

/** At other sizes, the parts of a chain are only in the report: a cost does not rise and fall again between two sizes. */
const measuredSizes: ReadonlySet<number> = new Set([25, 500]);

const threeParentCases: readonly Case[] = budgets.flatMap(([count, ...thousands]) =>
  parts.map((part, index) => ({
    name: `${count} nodes: ${part}`,
    program: threeParents(count, part),
    limit: Math.round((thousands[index] ?? 0) * 1000),
    ...(part === "chain" || measuredSizes.has(count) ? {} : { isReportOnly: true as const }),
  })),
);

/** Other shapes, with limits by the same rule. */
const shapes: readonly Case[] = [
  { name: "1 node read by 300", program: fanOut(300), limit: 239_400 },
  { name: "300 nodes read by 1", program: fanIn(300), limit: 264_500 },
  { name: "200 nodes, inputs gathered", program: gathered(200), limit: 353_800 },
  { name: "500 nodes, each after the one before", program: chain(500), limit: 383_900 },
  { name: "200 nodes with every option there is", program: everyOption(200), limit: 301_600 },
  { name: "200 handlers with every member", program: everyMember(200), limit: 458_400 },
  { name: "200 nodes, own adapters and functions", program: ownDefinitions(200), limit: 213_200 },
  { name: "200 nodes of all kinds", program: mixed(200), limit: 349_300 },
  { name: "unions of 1,000 members", program: wideUnions(1_000), limit: 506_500 },
  { name: "100 nodes, used 5 times", program: inParts(100, 5), limit: 179_100 },
  { name: "400 nodes, used 5 times", program: inParts(400, 5), limit: 680_300 },
];

/**
 * The work of an editor at each change of a file with a wide edge. Of the time for 1,000 kinds, nine tenths are the
 * 2,000 objects of zod: the same schemas without handlers and an edge take that long.
 */
const wideEdges: readonly Case[] = [
  { name: "300 columns", program: wideRow(300, "string", "string"), limit: 25_200 },
  { name: "an enum of 1,000", program: wideEnum(1_000, "t", "t"), limit: 25_600 },
  { name: "1,000 literals", program: wideLiterals(1_000, "t", "t"), limit: 53_900 },
  { name: "1,000 kinds of objects", program: wideKinds(1_000, "string", "string"), limit: 490_300 },
];

/** Each with one mistake, whose message must be cheap too. */
export const wideMistakes: readonly Case[] = [
  { name: "300 columns, all wrong", program: wideRow(300, "string", "number"), limit: 95_000 },
  { name: "an enum of 249, all wrong", program: wideEnum(249, "t", "u"), limit: 51_000 },
  { name: "an enum of 1,000, all wrong", program: wideEnum(1_000, "t", "u"), limit: 135_400 },
  { name: "1,000 literals, all wrong", program: wideLiterals(1_000, "t", "u"), limit: 189_700 },
  { name: "1,000 kinds of objects, all wrong", program: wideKinds(1_000, "string", "number"), limit: 658_100 },
];

/** A mistake in the middle of a chain. */
export const mistake: Case = { name: "200 nodes, one mistake", program: oneMistake(200), limit: 180_400 };

/** The difference of the two is the cost of importing the library. */
const imports: readonly Case[] = [
  { name: "import of zod", program: zodOnly, limit: 1_900 },
  { name: "import of zod and flowkit", program: withFlowkit, limit: 2_100 },
];

export const cases: readonly Case[] = [...threeParentCases, ...shapes, ...wideEdges, ...imports];
