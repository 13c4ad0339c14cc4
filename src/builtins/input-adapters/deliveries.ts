import type { Json } from "../../errors/index.ts";
import { anyData, type DataType, unionOf } from "../../graph/data/data-type.ts";
import { Assignability } from "../../graph/data/fit.ts";
import type { KnownData } from "../../graph/data/graph-data.ts";
import { mismatchText } from "../../graph/data/mismatch.ts";
import { narrow, patternMistakes } from "../../graph/data/narrow.ts";
import { formatMessage } from "../../graph/format/messages.ts";
import type { FanIn, GraphNode, InputInline } from "../../graph/format/node-fields.ts";
import { patternForm } from "../../graph/format/pattern.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import { coordinatorFnType } from "../../graph/format/types.ts";
import type { Deliveries, DeliveryFault, Reading, Source } from "./adapter.ts";
import { adapterName, builtInAdapter, defaultAdapter } from "./index.ts";
import { outcomeData } from "./outcomes.ts";

export type { DeliveryFault } from "./adapter.ts";

/** `undefined` if the node does not name an adapter: its handler may suggest one. */
export function readingOf(node: {
  readonly nodeId: string;
  readonly inline: InputInline | undefined;
  readonly fanIn: FanIn | undefined;
  readonly parents: readonly string[];
}): Reading | undefined {
  const { nodeId, inline, fanIn = "all", parents } = node;
  if (inline?.input_adapter === undefined) return undefined;
  const { from_nodes: list, from_node: alone, from, meta_list_key: listKey, where } = inline.input_args ?? {};
  const names = Array.isArray(list) ? list.map(String) : typeof alone === "string" ? [alone] : parents;
  const sources = isObject(from)
    ? Object.entries(from).map(([alias, id]) => ({ nodeId: String(id), alias }))
    : names.map((id) => ({ nodeId: id, alias: id }));
  const adapter = adapterName(inline.input_adapter);
  return { nodeId, adapter, listKey, sources, where, isPartial: fanIn !== "all", hasAliases: isObject(from) };
}

/** Patterns of the values at a path that a node certainly reads; none if it may be skipped, or its pattern has other keys. */
export function patternsOf(
  { node_id: nodeId, type, depends_on: parents, fan_in: fanIn, when, io }: GraphNode,
  at: {
    readonly source: string;
    readonly path: readonly string[];
    readonly hasOwnWhere: KnownData["hasOwnWhere"];
  },
): readonly Json[] {
  if (type === coordinatorFnType || when !== undefined) return [];
  const inline = io?.input_inline ?? {};
  const suggested = { ...inline, input_adapter: inline.input_adapter ?? defaultAdapter };
  const reading = readingOf({ nodeId, inline: suggested, fanIn, parents });
  const { readsFailures, readsOutcomes } = builtInAdapter(reading?.adapter ?? "") ?? {};
  if (reading === undefined || readsFailures || readsOutcomes) return [];
  if (!reading.sources.some((one) => one.nodeId === at.source)) return [];
  if (reading.where === undefined || at.hasOwnWhere(reading.adapter)) return everything;
  let pattern: Json | undefined = reading.where;
  for (const key of at.path) {
    const form = patternForm(pattern);
    if (form.kind !== "keys" || form.keys.length !== 1 || form.keys[0]?.[0] !== key) return [];
    pattern = form.keys[0][1];
  }
  return [pattern];
}

const everything: readonly Json[] = [{ $exists: true }, { $exists: false }];

/**
 * Whether what nodes read matches their input. A delivery comes from the sources that a node reads, which need not be
 * its parents. Unknown types match.
 */
export class EdgeInputs implements Deliveries {
  readonly fit = new Assignability();
  readonly #data: KnownData;
  readonly #made = new Map<DataType, Map<Json | undefined, DataType | undefined>>();

  constructor(data: KnownData) {
    this.#data = data;
  }

  faultsOf(reading: Reading): readonly DeliveryFault[] {
    if (reading.sources.length === 0) return [];
    const { readsFailures, readsOutcomes } = builtInAdapter(reading.adapter) ?? {};
    const read = readsOutcomes ? this.#view((source) => this.#outcomeOf(source)) : this;
    // A pattern on failed batches is a mistake, which `checkFailures` reports.
    if (reading.where === undefined || readsFailures || this.#data.hasOwnWhere(reading.adapter)) {
      return this.#faultsOfAll(reading, read);
    }
    return this.#faultsOfChosen(reading, reading.where, read);
  }

  /** Checks the part of each source's data that matches `where`, as if it were all of it. */
  #faultsOfChosen(reading: Reading, where: Json, read: Deliveries): readonly DeliveryFault[] {
    const { nodeId, sources } = reading;
    const from = sources.map((source) => source.nodeId);
    const place = { text: `node '${nodeId}': where`, path: [] };
    const mistakes = patternMistakes(unionOf(sources.map((source) => read.outputOf(source))), where, place);
    if (mistakes.length > 0) {
      return mistakes.map(({ path, message }) => ({ from, to: nodeId, message, at: { where: path } }));
    }
    const chosen = new Map<string, DataType>();
    for (const source of sources) {
      const left = narrow(read.outputOf(source), where);
      if (left === undefined) {
        const message = formatMessage("patternNothing", { node: nodeId, from: source.nodeId });
        return [{ from: [source.nodeId], to: nodeId, message, at: { where: [] } }];
      }
      chosen.set(source.nodeId, left);
    }
    return this.#faultsOfAll(
      reading,
      this.#view(({ nodeId }) => chosen.get(nodeId) ?? anyData),
    );
  }

  /** The same deliveries, with other data of the sources. */
  #view(outputOf: Deliveries["outputOf"]): Deliveries {
    return {
      fit: this.fit,
      outputOf,
      failingOf: (source) => this.failingOf(source),
      edgeFault: (edge) => this.edgeFault(edge),
      once: (...args) => this.once(...args),
    };
  }

  #outcomeOf({ nodeId, alias }: Source): DataType {
    return outcomeData(alias, this.#data.failingOf(nodeId).codes);
  }

  #faultsOfAll(reading: Reading, deliveries: Deliveries): readonly DeliveryFault[] {
    const wanted = this.#data.inputOf(reading.nodeId);
    if (wanted === undefined) return [];
    const adapter = builtInAdapter(reading.adapter);
    if (adapter !== undefined) return adapter.faults(reading, wanted, deliveries);
    const payload = this.#data.payloadOf(reading.adapter);
    const given = payload === "as it is" ? unionOf(reading.sources.map((one) => deliveries.outputOf(one))) : payload;
    const why = given === undefined ? undefined : mismatchText(given, wanted, this.fit);
    if (why === undefined) return [];
    const message = formatMessage("adapterInput", { node: reading.nodeId, why });
    return [{ from: reading.sources.map(({ nodeId }) => nodeId), to: reading.nodeId, message, at: "adapter" }];
  }

  outputOf({ nodeId }: Source): DataType {
    return this.#data.outputOf(nodeId) ?? anyData;
  }

  failingOf({ nodeId }: Source): ReturnType<Deliveries["failingOf"]> {
    const { input = anyData, codes } = this.#data.failingOf(nodeId);
    return { input, codes };
  }

  edgeFault(edge: { from: string; to: string; given: DataType; wanted: DataType }): string | undefined {
    const why = mismatchText(edge.given, edge.wanted, this.fit);
    return why === undefined ? undefined : formatMessage("edge", { from: edge.from, to: edge.to, why });
  }

  once(output: DataType, key: Json | undefined, make: () => DataType | undefined): DataType | undefined {
    const known = this.#made.get(output) ?? new Map<Json | undefined, DataType | undefined>();
    this.#made.set(output, known);
    if (!known.has(key)) known.set(key, make());
    return known.get(key);
  }
}
