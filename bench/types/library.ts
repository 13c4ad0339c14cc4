import { fileURLToPath } from "node:url";
import type { MistakeName } from "./mistakes.ts";

export interface Library {
  readonly name: string;
  readonly title: string;
  /** Whose version stands in the results. */
  readonly package: string;
  /** Where its cases are written: that decides which packages they import. */
  readonly folder: string;
  /** Whether its runs need no service. Where they do, a case that compiles is loaded and no more. */
  readonly runsAlone: boolean;
  /** What it wants to find in the environment before it defines anything. */
  readonly environment?: { readonly [name: string]: string };
  /** Mistakes that nobody can make in it, and why. */
  readonly without: { readonly [name in MistakeName]?: string };
  /** The large graph, in each form that the library's documentation has for it. */
  readonly graphs: readonly GraphForm[];
}

export interface GraphForm {
  /** Said in the table when there is more than one. */
  readonly form?: string;
  readonly source: (layers: Layers) => string;
}

export type Layers = readonly (readonly GraphNode[])[];

/** Node `n5` makes the fields `v5`, a number, and `name`, a string. */
export interface GraphNode {
  readonly n: number;
  readonly parents: readonly number[];
}

/** Layers of three nodes, each of which reads all nodes of the layer before. The first layer has what is left over. */
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

/** The program of a library, right as it stands, with its mistakes beside: see program.ts. */
export const programOf = ({ name }: Pick<Library, "name">) => here(`programs/${name}.ts`);

/** Below the package that has the peers. */
export const peerFolder = here(".cache");

/** Below FlowKit itself, which a package may import by its own name: as built, as users get it. */
export const ownFolder = here("../../.cache/bench-peers");
