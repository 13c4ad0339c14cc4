import type { JsonObject } from "../../errors/index.ts";
import type { GraphNode } from "./node-fields.ts";

/** Wire schemas of a handler type, as JSON Schema. */
export interface TypeSchemas {
  readonly args?: JsonObject;
  readonly input?: JsonObject;
  readonly output?: JsonObject;
}

/** The graph JSON after validation: with aliases expanded, and with `depends_on` and `edges` that agree. */
export interface Graph {
  /** "1.1" for a graph that uses what an engine of version "1.0" does not know. */
  readonly schema_version: "1.0" | "1.1";
  readonly name?: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly (readonly [from: string, to: string])[];
  readonly params_schema?: JsonObject;
  readonly schemas?: { readonly [type: string]: TypeSchemas };
}

/** Node type of a coordinator function. */
export const coordinatorFnType = "coordinator_fn";
