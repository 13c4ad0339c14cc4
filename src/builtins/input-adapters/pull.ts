import type { EdgeText } from "../../graph/data/mismatch.ts";
import type { NodeRecords, OutputOf, SourcesOf } from "../node-records.ts";
import { builtIn, type StreamAdapter } from "./adapter.ts";
import { commonAdapterArgs } from "./args.ts";

/** Each artifact unchanged. */
export const pullEach: StreamAdapter = { whole: true, expand: (meta) => [meta] };

/** `pull.from_artifacts`: one batch for each upstream artifact. */
export const pull = builtIn({
  aliases: ["pull.artifacts", "pull.from.upstream"],
  args: commonAdapterArgs,
  isOnWire: true,
  batches: () => pullEach,
  faults: ({ nodeId: to, sources }, wanted, deliveries) =>
    sources.flatMap((source, at) => {
      const message = deliveries.edgeFault({ from: source.nodeId, to, given: deliveries.outputOf(source), wanted });
      return message === undefined ? [] : [{ from: [source.nodeId], to, message, at }];
    }),
});

export type Pulled<TNodes extends NodeRecords, TParents extends readonly string[], TFrom> = OutputOf<
  TNodes,
  SourcesOf<TParents, TFrom>
>;

export type PulledText<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TId extends string,
  TInput,
> = EdgeText<TParents[number], TId, OutputOf<TNodes, TParents[number]>, TInput>;
