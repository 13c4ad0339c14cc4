import type { $ZodType } from "zod/v4/core";
import type { NamedData } from "../data/graph-data.ts";
import type { FindingList } from "../format/findings.ts";
import type { GraphLimits } from "../format/limits.ts";
import type { Draft } from "../format/shape.ts";

/** A coordinator function or an input adapter of your own, as far as a graph's checks need to know it. */
export interface NamedArgs {
  readonly name: string;
  readonly args: $ZodType;
  /** What a function stores. */
  readonly output?: $ZodType;
  /** What an adapter makes; absent: it hands artifacts on as they are. */
  readonly payload?: $ZodType;
}

/** What a graph is checked against, besides itself. */
export interface ValidateOptions {
  /** The handler types there are. Absent: any type will do. */
  readonly types?: readonly string[];
  /** Handlers by whose schemas the data on edges is checked, rather than by the graph's own `schemas`. */
  readonly handlers?: readonly NamedData[];
  /** Coordinator functions besides the built-in ones. */
  readonly functions?: readonly NamedArgs[];
  /** Input adapters besides the built-in ones; `args` without `from_nodes`, as their definitions have it. */
  readonly adapters?: readonly NamedArgs[];
  /** @defaultValue those of `defaultGraphLimits` */
  readonly limits?: Partial<GraphLimits>;
}

/** What every check gets. */
export interface CheckContext {
  readonly draft: Draft;
  readonly options: ValidateOptions;
  readonly findings: FindingList;
  /** All names of nodes, for hints. */
  readonly names: ReadonlySet<string>;
}
