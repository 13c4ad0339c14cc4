import * as z from "zod";
import type { Facts } from "./facts.ts";
import { pageOf } from "./visit.ts";

const Finding = z.object({ url: z.string(), on: z.array(z.string()) });

export const Report = z.object({
  pages: z.int(),
  words: z.int(),
  /** Dead links, with the pages to fix. */
  broken: z.array(Finding.extend({ why: z.string() })),
  moved: z.array(Finding.extend({ to: z.string() })),
  slowest: z.array(z.object({ url: z.string(), ms: z.int() })),
  /** Links that were found but not followed. */
  left: z.array(z.string()),
});
export type Report = z.infer<typeof Report>;

/** Depends only on the site, not on the order in which its pages arrived. */
export function makeReport(found: readonly Facts[], left: readonly string[]): Report {
  const all = found.toSorted((a, b) => (a.url < b.url ? -1 : 1));
  const pages = all.filter((facts) => facts.kind === "page");
  const on = (is: (link: string) => boolean) => all.filter(({ links }) => links.some(is)).map(({ url }) => url);
  const onTo = (url: string) => on((link) => pageOf(link) === url);
  return {
    pages: pages.length,
    words: pages.reduce((sum, { words }) => sum + words, 0),
    broken: [
      ...all.filter((facts) => facts.kind === "broken").map(({ url, why }) => ({ url, why, on: onTo(url) })),
      ...missingSections(pages).map((url) => ({ url, why: "no such section", on: on((link) => link === url) })),
    ],
    moved: all.filter((facts) => facts.kind === "moved").map(({ url, to }) => ({ url, to, on: onTo(url) })),
    slowest: pages
      .toSorted((a, b) => b.ms - a.ms)
      .slice(0, 3)
      .map(({ url, ms }) => ({ url, ms })),
    left: left.toSorted(),
  };
}

function missingSections(pages: readonly Extract<Facts, { kind: "page" }>[]): readonly string[] {
  const there = new Set(
    pages.flatMap(({ url, sections }) => [url, `${url}#`, ...sections.map((id) => `${url}#${id}`)]),
  );
  const urls = new Set(pages.map(({ url }) => url));
  const links = new Set(pages.flatMap(({ links }) => links));
  return [...links].filter((link) => urls.has(pageOf(link)) && !there.has(link)).sort();
}
