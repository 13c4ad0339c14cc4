import * as z from "zod";
import type { InputAdapterDefinition } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import { spoil } from "./spoil.ts";

/** An adapter as users write them: so many parts of the list under a key, as even as they get. */
export const partsAdapter: InputAdapterDefinition = {
  kind: "inputAdapter",
  name: "sim.parts",
  args: z.object({ key: z.string(), parts: z.int() }),
  expand({ meta, args }) {
    const parts = partsOf(meta, args as { readonly key: string; readonly parts: number });
    spoil(meta);
    return parts;
  },
};

/** A pure function, as an adapter must be: so the reference can ask it too. */
export function partsOf(meta: Json, { key, parts }: { readonly key: string; readonly parts: number }): Json[] {
  const found = (meta as JsonObject)[key];
  const items = Array.isArray(found) ? found : [];
  const size = Math.ceil(items.length / parts);
  return Array.from({ length: parts }, (_, at) => items.slice(at * size, (at + 1) * size));
}
