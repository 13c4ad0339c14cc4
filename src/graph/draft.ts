import type { JsonObject } from "../errors/index.ts";
import type { Path } from "./pointer.ts";
import type { FanIn, InputInline, RetryPolicy, StartWhen } from "./types.ts";

/** The parts of a node that the checks look at, those inside `io` included. */
export interface Facets {
  readonly node_id?: string;
  readonly type?: string;
  readonly depends_on?: readonly string[];
  readonly fan_in?: FanIn;
  readonly start_when?: StartWhen;
  readonly input_inline?: InputInline;
  readonly fn?: string;
  readonly fn_args?: JsonObject;
  readonly retry_policy?: RetryPolicy;
  readonly partitions?: number;
}

export type Facet = keyof Facets;

/**
 * A node as far as it is well-shaped. One mistake must not hide the others, nor be reported again by the checks that
 * build on it: so a check looks at what is there (`facets`), and says nothing about what was meant but can't be read
 * (`unclear`).
 */
export interface DraftNode {
  readonly index: number;
  /** How sentences call it: `node 'extract'`, or `nodes[3]` when it has no id. */
  readonly label: string;
  /** The same inside sentences that say "node" themselves. */
  readonly name: string;
  readonly facets: Facets;
  readonly unclear: ReadonlySet<Facet>;
  /** The path of `facets[facet]`, wherever it really stands. */
  pathOf(facet: Facet): Path;
}

export interface DraftEdge {
  readonly index: number;
  readonly from: string;
  readonly to: string;
}

export interface Draft {
  readonly nodes: readonly DraftNode[];
  /** By every name that a node is known by, the misspelt ones too; of several with one id, the first. */
  readonly byName: ReadonlyMap<string, DraftNode>;
  /** `undefined` when the graph has no `edges`. */
  readonly edges: readonly DraftEdge[] | undefined;
  /** Some edges can't be read. */
  readonly edgesUnclear: boolean;
  readonly paramsSchema: JsonObject | undefined;
  readonly schemas: JsonObject | undefined;
}
