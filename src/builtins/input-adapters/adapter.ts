import type { $ZodType, output } from "zod/v4/core";
import type { Json } from "../../errors/index.ts";
import type { DataType } from "../../graph/data/data-type.ts";
import type { Assignability } from "../../graph/data/fit.ts";

/** An input adapter that comes with the engine: all that graph checks, builder, codegen and engine know of it. */
export interface BuiltInAdapter<TArgs extends $ZodType = $ZodType> {
  /** Other names that a graph may have for it. */
  readonly aliases: readonly string[];
  /** Of `input_args`. */
  readonly args: TArgs;
  /** Its `from` may give its sources names of their own. */
  readonly takesAliases?: true;
  /** It takes a `meta_list_key`. */
  readonly takesListKey?: true;
  /** Workers that aren't FlowKit's know it too. */
  readonly isOnWire?: true;
  /** How it makes batches of artifacts; `gather`: one of all artifacts of every source, when they are complete. */
  batches(args: output<TArgs>): StreamAdapter | "gather";
  /** Where what it delivers is not what the node takes. */
  faults(reading: Reading, wanted: DataType, deliveries: Deliveries): readonly DeliveryFault[];
}

/** Its argument types follow from the schema. */
export function builtIn<TArgs extends $ZodType>(adapter: BuiltInAdapter<TArgs>): BuiltInAdapter<TArgs> {
  return adapter;
}

/** What a stream adapter does with artifacts. */
export interface StreamAdapter {
  /** `true`: one artifact is one batch, so a batch needs no chunk index in its name. */
  readonly whole: boolean;
  /** How it cuts one upstream artifact into payloads. */
  readonly expand: (meta: Json, nodeId: string) => readonly unknown[];
}

/** How a node reads. */
export interface Reading {
  readonly nodeId: string;
  readonly adapter: string;
  readonly listKey: Json | undefined;
  readonly sources: readonly Source[];
  /** The node may start before all of its sources are there. */
  readonly isPartial: boolean;
  /** Its sources have names of their own. */
  readonly hasAliases: boolean;
}

export interface Source {
  readonly nodeId: string;
  /** Its key in a gathered payload. */
  readonly alias: string;
}

export interface DeliveryFault {
  /** Those whose data does not fit. */
  readonly from: readonly string[];
  readonly to: string;
  readonly message: string;
  /** What is to blame: one of the sources, by its place among them, or an argument. */
  readonly at: number | { readonly alias: string } | "adapter" | "listKey";
}

/** What adapters judge deliveries with. */
export interface Deliveries {
  readonly fit: Assignability;
  outputOf(source: Source): DataType;
  /** The words of an edge that doesn't fit. */
  edgeFault(edge: { from: string; to: string; given: DataType; wanted: DataType }): string | undefined;
  /** The same object each time, so that it is compared once. */
  once(output: DataType, key: Json | undefined, make: () => DataType | undefined): DataType | undefined;
}
