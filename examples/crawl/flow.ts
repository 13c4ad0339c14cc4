import { defineHandler, defineInputAdapter, flow, PermanentError, param } from "flowkit";
import * as z from "zod";
import { Facts, factsOf } from "./facts.ts";
import { makeReport, Report } from "./report.ts";
import { Link, pageOf, Visit, visit } from "./visit.ts";

const Params = z.object({ start: z.url(), patienceMs: z.int().positive(), mostPages: z.int().positive() });

/** The links one click further. `known` contains all earlier links, so that each is followed once. */
const Frontier = z.object({ links: z.array(Link), known: z.array(z.url()), left: z.array(z.url()) });

const start = defineHandler("crawl.start", {
  args: z.object({ start: z.url() }),
  output: Frontier,
  processBatch({ start }) {
    const url = pageOf(start);
    return { links: [{ url, clicks: 0 }], known: [url], left: [] };
  },
});

/** Fan-out: each link is its own batch, the unit of retries and of concurrency. */
const eachLink = defineInputAdapter("pull.each_link", {
  args: z.object({}),
  payload: Link,
  expand: ({ meta }) => Frontier.parse(meta).links,
});

/** Six concurrent requests. After an error it continues after the stored pages, which are not requested again. */
const visitLinks = defineHandler("crawl.visit", {
  args: z.object({ start: z.url(), patienceMs: z.int().positive() }),
  input: Link,
  output: Visit,
  inputAdapter: { adapter: eachLink },
  external: "reads",
  errors: ["busy", "no_site"],
  concurrency: 6,
  async processBatch(link, ctx) {
    const { start, patienceMs } = ctx.args;
    const seen = await visit(link, { origin: new URL(start).origin, patienceMs, signal: ctx.signal });
    // Without its first page there is nothing to crawl, and a retry would not help.
    if (seen.kind === "broken" && link.clicks === 0) throw new PermanentError("no_site", `${link.url}: ${seen.why}`);
    return seen;
  },
});

/** The links of a click's pages that are not known yet. */
const gatherLinks = defineHandler("crawl.links", {
  args: z.object({ mostPages: z.int().positive() }),
  input: z.object({ before: z.array(Frontier), visits: z.array(Visit) }),
  output: Frontier,
  processBatch({ before, visits }, ctx) {
    const known = new Set(before.flatMap(({ known }) => known));
    const found = new Map<string, Link>();
    for (const { links, clicks } of visits) {
      for (const url of links.map(pageOf)) if (!known.has(url)) found.set(url, { url, clicks: clicks + 1 });
    }
    const links = [...found.values()];
    const room = Math.max(0, ctx.args.mostPages - known.size);
    return {
      links: links.slice(0, room),
      known: [...known, ...found.keys()],
      left: [...before.flatMap(({ left }) => left), ...links.slice(room).map(({ url }) => url)],
    };
  },
});

/** Examines each page as it arrives, while the crawl continues. */
const inspect = defineHandler("crawl.inspect", {
  input: Visit,
  output: Facts,
  processBatch(visit, ctx) {
    const facts = factsOf(visit);
    ctx.metrics.add(facts.kind, 1);
    ctx.metrics.add("links", facts.links.length);
    return facts;
  },
});

const report = defineHandler("crawl.report", {
  input: z.object({ facts: z.array(Facts), rest: z.array(Frontier) }),
  output: Report,
  processBatch: ({ facts, rest }) =>
    makeReport(
      facts,
      rest.flatMap(({ links, left }) => [...links.map(({ url }) => url), ...left]),
    ),
});

/** A busy server says when to retry; an unreachable one is retried after one, two and four seconds. */
const visiting = {
  args: { start: param("start"), patienceMs: param("patienceMs") },
  retry: { max: 6, backoffSec: 1, backoffFactor: 2 },
  timeoutSec: 300,
} as const;

/** A graph has no loops, and an unlimited crawl would never end: each further click is a subflow. */
const click = flow("click", { inputs: { before: Frontier, visits: Visit }, params: Params, adapters: [eachLink] })
  .node("links", gatherLinks, {
    after: ["before", "visits"],
    args: { mostPages: param("mostPages") },
    input: { adapter: "pull.gather", from: { before: "before", visits: "visits" } },
  })
  .then("visit", visitLinks, visiting);

export const crawl = flow("crawl", { params: Params, adapters: [eachLink] })
  .node("start", start, { args: { start: param("start") } })
  .then("visit", visitLinks, visiting)
  .use("click1", click, { inputs: { before: "start", visits: "visit" } })
  .use("click2", click, { inputs: { before: "click1.links", visits: "click1.visit" } })
  .use("click3", click, { inputs: { before: "click2.links", visits: "click2.visit" } })
  .node("rest", gatherLinks, {
    after: ["click3.links", "click3.visit"],
    args: { mostPages: param("mostPages") },
    input: { adapter: "pull.gather", from: { before: "click3.links", visits: "click3.visit" } },
  })
  .node("inspect", inspect, {
    after: ["visit", "click1.visit", "click2.visit", "click3.visit"],
    fanIn: "any",
    startWhen: "first_batch",
  })
  .node("report", report, {
    after: ["inspect", "rest"],
    input: { adapter: "pull.gather", from: { facts: "inspect", rest: "rest" } },
  })
  .fn("sums", "metrics.aggregate", { after: ["inspect"], args: { nodeId: "inspect" } });
