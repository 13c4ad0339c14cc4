import type { $ZodType, output } from "zod/v4/core";
import type { Json } from "../../errors/index.ts";
import type { DataType } from "../../graph/data/data-type.ts";
import type { Assignability } from "../../graph/data/fit.ts";
import type { Path } from "../../graph/format/pointer.ts";

/** A built-in input adapter: everything that graph checks, builder, codegen and engine know about it. */
export interface BuiltInAdapter<TArgs extends $ZodType = $ZodType> {
  /** Aliases that a graph may use. */
  readonly aliases: readonly string[];
  /** The schema of `input_args`. */
  readonly args: TArgs;
  /** Its `from` may rename its sources. */
  readonly takesAliases?: true;
  /** It has a `meta_list_key`. */
  readonly takesListKey?: true;
  /** Without a list key, it makes no batches. */
  readonly needsListKey?: true;
  /** Engines that only know version 1.0 of graphs reject it. */
  readonly isNew?: true;
  /** External workers support it too. */
  readonly isOnWire?: true;
  /** It delivers the batches that its sources have set aside, not their outputs. */
  readonly readsFailures?: true;
  /** It delivers the outcomes of its sources, not their outputs. */
  readonly readsOutcomes?: true;
  /**
   * How it makes batches from artifacts; `gather`: a single batch of all artifacts of every source, once they are
   * complete; `failures`: one batch for each batch that a source has set aside; `outcomes`: one batch for each source,
   * once it has ended.
   */
  batches(args: output<TArgs>): StreamAdapter | "gather" | "failures" | "outcomes";
  /** The mismatches between its deliveries and the node's input. */
  faults(reading: Reading, wanted: DataType, deliveries: Deliveries): readonly DeliveryFault[];
}

/** Infers the argument types from the schema. */
export function builtIn<TArgs extends $ZodType>(adapter: BuiltInAdapter<TArgs>): BuiltInAdapter<TArgs> {
  return adapter;
}

/** How a stream adapter converts artifacts. */
export interface StreamAdapter {
  /** `true`: one artifact is one batch, so its uid needs no chunk index. */
  readonly whole: boolean;
  /** Splits an upstream artifact into payloads. */
  readonly expand: (meta: Json, nodeId: string) => readonly unknown[];
}

/** How a node reads its sources. */
export interface Reading {
  readonly nodeId: string;
  readonly adapter: string;
  readonly listKey: Json | undefined;
  readonly sources: readonly Source[];
  /** The pattern of the batches that it reads. */
  readonly where: Json | undefined;
  /** The node may start before all of its sources exist. */
  readonly isPartial: boolean;
  /** Its sources are renamed. */
  readonly hasAliases: boolean;
}

export interface Source {
  readonly nodeId: string;
  /** Its key in a gathered payload. */
  readonly alias: string;
}

export interface DeliveryFault {
  /** The sources whose data does not match. */
  readonly from: readonly string[];
  readonly to: string;
  readonly message: string;
  /** The culprit: one of the sources, by its index, or an argument. */
  readonly at: number | { readonly alias: string } | { readonly where: Path } | "adapter" | "listKey";
}

/** What adapters use to check deliveries. */
export interface Deliveries {
  readonly fit: Assignability;
  /** The type of one output of the source, narrowed by the pattern if the reading has one. */
  outputOf(source: Source): DataType;
  /** What is known about a batch that the source sets aside. */
  failingOf(source: Source): { readonly input: DataType; readonly codes: readonly string[] | undefined };
  /** The message for an edge that does not match. */
  edgeFault(edge: { from: string; to: string; given: DataType; wanted: DataType }): string | undefined;
  /** Returns the same object each time, so that it is compared only once. */
  once(output: DataType, key: Json | undefined, make: () => DataType | undefined): DataType | undefined;
}
