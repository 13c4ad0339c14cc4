import type { Json } from "../../errors/index.ts";
import { adapterName } from "../format/adapters.ts";
import { say } from "../format/messages.ts";
import { isObject } from "../format/plain-data.ts";
import type { FanIn, InputInline } from "../format/types.ts";
import {
  anyData,
  type DataType,
  elementOf,
  type Field,
  listOf,
  type ObjectType,
  objectOf,
  unionOf,
} from "./data-type.ts";
import { Assignability } from "./fit.ts";
import { mismatchText } from "./mismatch.ts";

/** What is known of the data of nodes and adapters; `undefined` where nothing is. */
export interface KnownData {
  /** What one batch of a node stores. */
  outputOf(nodeId: string): DataType | undefined;
  /** What a node takes as one batch. */
  inputOf(nodeId: string): DataType | undefined;
  /** What an adapter that is no built-in one makes. */
  payloadOf(adapter: string): DataType | "as it is" | undefined;
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

interface Source {
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

/** `undefined` when the node names no adapter: its handler may have one of its own. */
export function readingOf(node: {
  readonly nodeId: string;
  readonly inline: InputInline | undefined;
  readonly fanIn: FanIn | undefined;
  readonly parents: readonly string[];
}): Reading | undefined {
  const { nodeId, inline, fanIn = "all", parents } = node;
  if (inline?.input_adapter === undefined) return undefined;
  const { from_nodes: list, from_node: alone, from, meta_list_key: listKey } = inline.input_args ?? {};
  const names = Array.isArray(list) ? list.map(String) : typeof alone === "string" ? [alone] : parents;
  const sources = isObject(from)
    ? Object.entries(from).map(([alias, id]) => ({ nodeId: String(id), alias }))
    : names.map((id) => ({ nodeId: id, alias: id }));
  const adapter = adapterName(inline.input_adapter);
  return { nodeId, adapter, listKey, sources, isPartial: fanIn !== "all", hasAliases: isObject(from) };
}

/**
 * Whether what nodes read is what they take. A delivery follows the sources that a node reads from, which need not be
 * its parents. What is not known fits.
 */
export class EdgeInputs {
  readonly #data: KnownData;
  readonly #fit = new Assignability();
  readonly #chunks = new Map<DataType, Map<Json | undefined, DataType | "not a list">>();

  constructor(data: KnownData) {
    this.#data = data;
  }

  faultsOf(reading: Reading): readonly DeliveryFault[] {
    const wanted = this.#data.inputOf(reading.nodeId);
    if (wanted === undefined || reading.sources.length === 0) return [];
    switch (reading.adapter) {
      case "pull.from_artifacts":
        return this.#faultsOfEach(reading, wanted);
      case "pull.from_artifacts.rechunk:size":
        return this.#faultsOfChunks(reading, wanted);
      case "pull.gather":
        return this.#faultsOfGather(reading, wanted);
      default: {
        const payload = this.#data.payloadOf(reading.adapter);
        const given = payload === "as it is" ? unionOf(reading.sources.map((one) => this.#outputOf(one))) : payload;
        return given === undefined ? [] : this.#faultsOfInput(reading, { given, wanted });
      }
    }
  }

  #outputOf({ nodeId }: Source): DataType {
    return this.#data.outputOf(nodeId) ?? anyData;
  }

  #faultsOfEach({ nodeId: to, sources }: Reading, wanted: DataType): readonly DeliveryFault[] {
    return sources.flatMap((source, at) => {
      const message = this.#edgeFault({ from: source.nodeId, to, given: this.#outputOf(source), wanted });
      return message === undefined ? [] : [{ from: [source.nodeId], to, message, at }];
    });
  }

  #faultsOfChunks({ nodeId: to, listKey, sources }: Reading, wanted: DataType): readonly DeliveryFault[] {
    const at = listKey === undefined ? "adapter" : "listKey";
    const chunks = sources.map((source) => ({ source, chunk: this.#chunkOf(this.#outputOf(source), listKey) }));
    const without = chunks.filter(({ chunk }) => chunk === "not a list");
    if (without.length > 0) {
      const all = sources.map(({ nodeId }) => nodeId).join(", ");
      const message = say("notAList", { node: to, key: String(listKey), from: all });
      return [{ from: without.map(({ source }) => source.nodeId), to, message, at }];
    }
    const faults = chunks.flatMap(({ source: { nodeId: from }, chunk }) => {
      const message = chunk === "not a list" ? undefined : this.#edgeFault({ from, to, given: chunk, wanted });
      return message === undefined ? [] : [{ from, message }];
    });
    if (faults.length === 0) return [];
    const message = faults.map((fault) => fault.message).join("; ");
    return [{ from: faults.map(({ from }) => from), to, message, at }];
  }

  #faultsOfInput(reading: Reading, types: { given: DataType; wanted: DataType }): readonly DeliveryFault[] {
    const why = mismatchText(types.given, types.wanted, this.#fit);
    if (why === undefined) return [];
    const message = say("adapterInput", { node: reading.nodeId, why });
    return [{ from: reading.sources.map(({ nodeId }) => nodeId), to: reading.nodeId, message, at: "adapter" }];
  }

  #edgeFault(edge: { from: string; to: string; given: DataType; wanted: DataType }): string | undefined {
    const why = mismatchText(edge.given, edge.wanted, this.#fit);
    return why === undefined ? undefined : say("edge", { from: edge.from, to: edge.to, why });
  }

  /** An alias is to blame where it has one, before what no source gives; else the adapter, for all in one text. */
  #faultsOfGather(reading: Reading, wanted: DataType): readonly DeliveryFault[] {
    const { nodeId: to, sources, hasAliases } = reading;
    const mismatches = gatherMismatches(this.#gathered(reading), { wanted, fit: this.#fit });
    const all = mismatches.map(({ key, why }) => ({ key, message: say("adapterInput", { node: to, why }) }));
    const ofAliases = hasAliases ? all.filter(({ key }) => key !== undefined) : [];
    const from = sources.map(({ nodeId }) => nodeId);
    if (ofAliases.length > 0) {
      return ofAliases.map(({ key: alias = "", message }) => ({
        from: sources.flatMap((source) => (source.alias === alias ? [source.nodeId] : [])),
        to,
        message,
        at: { alias },
      }));
    }
    return all.length === 0 ? [] : [{ from, to, message: all.map(({ message }) => message).join("; "), at: "adapter" }];
  }

  /** Under each source's name all that it stored. */
  #gathered({ sources, isPartial }: Reading): ReadonlyMap<string, Field> {
    return new Map(
      sources.map((source): [string, Field] => {
        const outputs = this.#chunkOf(this.#outputOf(source), undefined);
        return [source.alias, { type: () => (outputs === "not a list" ? anyData : outputs), optional: isPartial }];
      }),
    );
  }

  /** The same object each time, so that it is compared once. */
  #chunkOf(output: DataType, listKey: Json | undefined): DataType | "not a list" {
    const known = this.#chunks.get(output) ?? new Map<Json | undefined, DataType | "not a list">();
    this.#chunks.set(output, known);
    const chunk = known.get(listKey) ?? cutInto(output, listKey);
    known.set(listKey, chunk);
    return chunk;
  }
}

/** What a list of one artifact's elements is, or a list of artifacts. */
function cutInto(output: DataType, listKey: Json | undefined): DataType | "not a list" {
  if (output.kind === "any" || listKey === undefined) return output.kind === "any" ? anyData : listOf(output);
  const parts = (output.kind === "union" ? output.members : [output]).map((part) => elementsAt(part, String(listKey)));
  const elements = parts.filter((part) => part !== "not a list");
  return elements.length < parts.length ? "not a list" : unionOf(elements.map((element) => listOf(element)));
}

function elementsAt(output: DataType, key: string): DataType | "not a list" {
  if (output.kind !== "object") return "not a list";
  const field = output.fields.get(key);
  if (field?.optional) return "not a list";
  const list = (field?.type ?? output.others)?.();
  if (list?.kind === "any") return anyData;
  const members = list?.kind === "union" ? list.members : [list];
  const elements = members.flatMap((member) => (member?.kind === "list" ? [elementOf(member)] : []));
  return elements.length < members.length ? "not a list" : unionOf(elements);
}

export interface GatherMismatch {
  /** The key of the source that does not fit; `undefined` where no one source is to blame. */
  readonly key: string | undefined;
  readonly why: string;
}

/** What is wrong with a gathered payload: source by source, then with what no source gives. Empty when it fits. */
function gatherMismatches(
  sources: ReadonlyMap<string, Field>,
  { wanted, fit }: { readonly wanted: DataType; readonly fit: Assignability },
): readonly GatherMismatch[] {
  const whole = mismatchText(objectOf([...sources]), wanted, fit);
  if (whole === undefined) return [];
  if (wanted.kind !== "object") return [{ key: undefined, why: whole }];
  const found = [...sources].flatMap(([key, field]): GatherMismatch[] => {
    const why = mismatchText(
      objectOf([[key, field]]),
      withKeys(wanted, (one) => one === key),
      fit,
    );
    return why === undefined ? [] : [{ key, why }];
  });
  const missing = mismatchText(
    objectOf([]),
    withKeys(wanted, (one) => !sources.has(one)),
    fit,
  );
  return missing === undefined ? found : [...found, { key: undefined, why: missing }];
}

const withKeys = (type: ObjectType, isKept: (key: string) => boolean): ObjectType => ({
  ...type,
  fields: new Map([...type.fields].filter(([key]) => isKept(key))),
});
