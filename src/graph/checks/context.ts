import type { $ZodType } from "zod/v4/core";
import type { NamedData } from "../data/graph-data.ts";
import type { FindingList } from "../format/findings.ts";
import type { GraphLimits } from "../format/limits.ts";
import type { Draft } from "../format/shape.ts";

/** What the checks need to know about a custom coordinator function or input adapter. */
export interface NamedArgs {
  readonly name: string;
  readonly args: $ZodType;
  /** The output that a function stores. */
  readonly output?: $ZodType;
  /** The payloads that an adapter makes; absent if it passes artifacts on unchanged. */
  readonly payload?: $ZodType;
}

/** Options of `validateGraph`: what a graph is checked against. */
export interface ValidateOptions {
  /** The known handler types; if absent, any type is accepted. */
  readonly types?: readonly string[];
  /** Handlers whose schemas take precedence over the graph's `schemas` when data on edges is checked. */
  readonly handlers?: readonly NamedData[];
  /** Coordinator functions in addition to the built-in ones. */
  readonly functions?: readonly NamedArgs[];
  /** Input adapters in addition to the built-in ones; like their definitions, `args` does not include `from_nodes`. */
  readonly adapters?: readonly NamedArgs[];
  /** @defaultValue `defaultGraphLimits` */
  readonly limits?: Partial<GraphLimits>;
}

/** The context of every check. */
export interface CheckContext {
  readonly draft: Draft;
  readonly options: ValidateOptions;
  readonly findings: FindingList;
  /** All node names, for hints. */
  readonly names: ReadonlySet<string>;
}
