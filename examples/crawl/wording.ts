import { styleText } from "node:util";
import type { Facts } from "./facts.ts";
import type { Report } from "./report.ts";

type Short = (url: string) => string;

/** URLs of the site without its origin. */
export function shortener(start: string): Short {
  const origin = URL.parse(start)?.origin ?? "";
  return (url) => (url.startsWith(`${origin}/`) ? url.slice(origin.length) : url);
}

/** A followed link as one line. */
export function renderFacts(facts: Facts, short: Short): string {
  const line = (mark: string, text: string) =>
    `${mark} ${styleText("dim", `${facts.ms} ms`.padStart(8))}  ${short(facts.url).padEnd(22)} ${text}`;
  switch (facts.kind) {
    case "page":
      return line(styleText("green", "✔"), `${facts.title}, ${facts.words} words`);
    case "moved":
      return line(styleText("yellow", "→"), `moved to ${short(facts.to)}`);
    case "broken":
      return line(styleText("red", "✘"), styleText("red", facts.why));
    case "elsewhere":
      return line(styleText("green", "✔"), "is there");
  }
}

/** `links`: their number on all pages. */
export function renderReport(report: Report & { readonly links: number }, short: Short): string {
  const { pages, words, links, broken, moved, slowest, left } = report;
  const heading = (text: string) => `\n${styleText("bold", text)}`;
  const finding = (url: string, what: string, on: readonly string[]) =>
    `  ${short(url).padEnd(25)} ${what}\n${styleText("dim", `  ${"".padEnd(25)} on ${on.map(short).join(", ")}`)}`;
  return [
    heading(`${counted(pages, "page")}, ${counted(words, "word")}, ${counted(links, "link")}`),
    heading(counted(broken.length, "broken link")),
    ...broken.map(({ url, why, on }) => finding(url, styleText("red", why), on)),
    heading(`${counted(moved.length, "link")} to where a page was`),
    ...moved.map(({ url, to, on }) => finding(url, `is now ${short(to)}`, on)),
    heading("slowest pages"),
    ...slowest.map(({ url, ms }) => `  ${short(url).padEnd(25)} ${ms} ms`),
    ...(left.length === 0
      ? []
      : [heading(`${counted(left.length, "link")} not followed`), ...left.map((url) => `  ${short(url)}`)]),
  ].join("\n");
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
