import { chain, everyOption, fanIn, fanOut, oneMistake, ownDefinitions, parts, threeParents } from "./programs.ts";

export interface Case {
  readonly name: string;
  readonly program: string;
  /** The most instantiations that it may cost. */
  readonly limit: number;
}

/*
 * What a flow may cost its users' compilers, in thousands of instantiations: that is the work of resolving generic
 * types, and unlike time it is the same number on every machine and in each of the three compilers.
 *
 * The figures are those of a prototype that knew no cheaper way to check as much. The linear growth is the point: a
 * chain whose every node costs more than the one before ends in TS2589 at some length. 5 % are for what checks still
 * need; a change that needs more has to find it elsewhere.
 */
const budgets = [
  // nodes, zod alone, + handlers, + chain, + every option
  [25, 8, 15.5, 26.3, 30.5],
  [100, 26, 55, 99, 113],
  [200, 50, 108, 199, 226],
  [400, 99, 213, 411, 465],
  [500, 123, 265, 526, 593],
] as const;

const threeParentCases: readonly Case[] = budgets.flatMap(([count, ...thousands]) =>
  parts.map((part, index) => ({
    name: `${count} nodes: ${part}`,
    program: threeParents(count, part),
    limit: Math.round((thousands[index] ?? 0) * 1050),
  })),
);

/** Other shapes. Their limits are what they cost when the case was written, and 5 %. */
const shapes: readonly Case[] = [
  { name: "1 node read by 300", program: fanOut(300), limit: 296_000 },
  { name: "300 nodes read by 1", program: fanIn(300), limit: 274_000 },
  { name: "500 nodes, each after the one before", program: chain(500), limit: 470_000 },
  { name: "200 nodes with every option there is", program: everyOption(200), limit: 342_000 },
  { name: "200 nodes, own adapters and functions", program: ownDefinitions(200), limit: 215_000 },
];

/** The words of a mistake must not cost the whole chain again. */
export const mistake: Case = { name: "200 nodes, one mistake", program: oneMistake(200), limit: 220_000 };

export const cases: readonly Case[] = [...threeParentCases, ...shapes];
