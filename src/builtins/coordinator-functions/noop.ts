import * as z from "zod";
import { builtIn } from "./function.ts";

/** `noop`: takes any arguments and stores `{}`. A place where edges meet, or a stand-in while a graph is drawn up. */
export const noop = builtIn({
  args: z.looseObject({}),
  output: z.strictObject({}),
  takesAny: true,
  run: () => ({}),
});

export interface NoopTypes {
  readonly open: {};
  readonly written: {};
  readonly output: {};
}
