import type { TaskView } from "../../core/tasks/api.ts";
import type { Graph } from "../../graph/index.ts";

/** From the process of the flow to `flowkit dev`. */
export type FromFlow =
  /** A file of the project that Node loads. */
  | { readonly kind: "loading"; readonly path: string }
  /** Compiled with its schemas. */
  | { readonly kind: "graph"; readonly graph: Graph }
  | { readonly kind: "started"; readonly taskId: string }
  | { readonly kind: "ended"; readonly status: TaskView["status"] };

/** From `flowkit dev` to the process of the flow. */
export type ToFlow =
  | { readonly kind: "run" }
  /** Cancels the run, if it goes on, and ends the process. */
  | { readonly kind: "stop"; readonly reason: string };
