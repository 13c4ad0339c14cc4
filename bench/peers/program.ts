import type { ShapeName } from "./shapes.ts";

/** A shape in one library, ready to run. */
export interface Program {
  /** Runs the workload once, and resolves to its result. */
  run(): Promise<unknown>;
  close?(): Promise<void>;
}

/** How a library expresses shapes, or the reason why it does not. */
export type Programs = Readonly<Partial<Record<ShapeName, (() => Promise<Program>) | string>>>;
