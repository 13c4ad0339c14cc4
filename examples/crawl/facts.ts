import * as z from "zod";
import { otherKinds, pageShape, type Visit } from "./visit.ts";

/** What is known about a link, without its HTML. */
export const Facts = z.discriminatedUnion("kind", [
  z.object({ ...pageShape, title: z.string(), words: z.int(), sections: z.array(z.string()) }),
  ...otherKinds,
]);
export type Facts = z.infer<typeof Facts>;

const markup = /<(title|script|style)\b.*?<\/\1>|<[^>]*>/gs;
const word = /[\p{L}\p{N}][\p{L}\p{N}.,'’-]*/gu;

export function factsOf(visit: Visit): Facts {
  if (visit.kind !== "page") return visit;
  const { html, ...rest } = visit;
  return {
    ...rest,
    title: /<title>(.*?)<\/title>/s.exec(html)?.[1]?.trim() ?? "",
    words: html.replaceAll(markup, " ").match(word)?.length ?? 0,
    sections: [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id = ""]) => id),
  };
}
