import { fileURLToPath } from "node:url";
import type { MistakeName } from "./mistakes.ts";

export interface Library {
  readonly name: string;
  readonly title: string;
  /** The package whose version is shown in the results. */
  readonly package: string;
  /** The folder of its cases, which determines the packages that they import. */
  readonly folder: string;
  /** Whether it runs without a service. Otherwise, a case that compiles is only loaded. */
  readonly runsAlone: boolean;
  /** Environment variables that it requires. */
  readonly environment?: { readonly [name: string]: string };
  /** Mistakes that are impossible in it, and why. */
  readonly without: { readonly [name in MistakeName]?: string };
  /** The large graph, in each form that the library documents. */
  readonly graphs: readonly GraphForm[];
}

export interface GraphForm {
  /** Shown in the table if there are several. */
  readonly form?: string;
  readonly source: (layers: Layers) => string;
}

export type Layers = readonly (readonly GraphNode[])[];

/** Node `n5` outputs the fields `v5`, a number, and `name`, a string. */
export interface GraphNode {
  readonly n: number;
  readonly parents: readonly number[];
}

/** Layers of three nodes, each of which reads all nodes of the previous layer. The first layer has the remainder. */
export function layered(size: number): Layers {
  const width = 3;
  const layers: GraphNode[][] = [];
  for (let n = 0; n < size; ) {
    const parents = layers.at(-1)?.map((node) => node.n) ?? [];
    const count = n === 0 && size % width > 0 ? size % width : width;
    layers.push(Array.from({ length: count }, (_, index) => ({ n: n + index, parents })));
    n += count;
  }
  return layers;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The correct program of a library, with its mistakes: see program.ts. */
export const programOf = ({ name }: Pick<Library, "name">) => here(`programs/${name}.ts`);

/** Inside the package that has the peers as dependencies. */
export const peerFolder = here(".cache");

/** Inside FlowKit itself, which can import its built package by name. */
export const ownFolder = here("../../.cache/bench-peers");
