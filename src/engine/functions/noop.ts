import * as z from "zod";
import type { CoordinatorFunctionDefinition } from "../../definitions/index.ts";
import { builtIn } from "./built-in.ts";

/** `noop`: takes any arguments and stores `{}`. A place where edges meet, or a stand-in while a graph is drawn up. */
export const noop: CoordinatorFunctionDefinition = builtIn({
  name: "noop",
  output: z.strictObject({}),
  run: () => ({}),
});
