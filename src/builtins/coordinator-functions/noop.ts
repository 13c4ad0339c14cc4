import * as z from "zod";
import { builtIn } from "./function.ts";

/** `noop`: accepts any arguments and stores `{}`. Joins edges, or serves as a placeholder. */
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
