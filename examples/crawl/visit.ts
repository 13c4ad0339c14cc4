import { RetryableError } from "flowkit";
import * as z from "zod";

/** A link to follow. */
export const Link = z.object({ url: z.url(), clicks: z.int().nonnegative() });
export type Link = z.infer<typeof Link>;

const about = {
  ...Link.shape,
  ms: z.int().nonnegative(),
  /** The links of the page as absolute URLs, including `#section`. */
  links: z.array(z.url()),
};

/** Results of following a link, other than a page of the site. */
export const otherKinds = [
  z.object({ kind: z.literal("moved"), ...about, to: z.url() }),
  z.object({ kind: z.literal("broken"), ...about, why: z.string() }),
  z.object({ kind: z.literal("elsewhere"), ...about }),
] as const;
export const pageShape = { kind: z.literal("page"), ...about };

export const Visit = z.discriminatedUnion("kind", [z.object({ ...pageShape, html: z.string() }), ...otherKinds]);
export type Visit = z.infer<typeof Visit>;

export interface VisitOptions {
  /** Links to this origin are read; other links are only checked. */
  readonly origin: string;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/**
 * Follows a link. A broken link is a result, not an error.
 *
 * @throws RetryableError `busy` if the server asks to retry later
 */
export async function visit({ url, clicks }: Link, options: VisitOptions): Promise<Visit> {
  const { origin, patienceMs, signal } = options;
  const isOurs = new URL(url).origin === origin;
  const start = performance.now();
  const seen = (links: readonly string[] = []) => ({
    url,
    clicks,
    ms: Math.round(performance.now() - start),
    links: [...links],
  });
  try {
    const response = await fetch(url, {
      method: isOurs ? "GET" : "HEAD",
      redirect: isOurs ? "manual" : "follow",
      signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
    });
    const body = await response.text();
    const { status } = response;
    if (isOurs && (status === 429 || status === 503)) {
      throw new RetryableError("busy", `${status} from ${url}`, { afterSec: retryAfter(response.headers) });
    }
    const to = status >= 300 && status < 400 ? URL.parse(response.headers.get("location") ?? "", url)?.href : undefined;
    if (to !== undefined) return { kind: "moved", ...seen([to]), to };
    if (!response.ok) return { kind: "broken", ...seen(), why: `${status} ${response.statusText}` };
    if (!isOurs) return { kind: "elsewhere", ...seen() };
    const html = response.headers.get("content-type")?.startsWith("text/html") ? body : "";
    return { kind: "page", ...seen(linksIn(html, url)), html };
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") {
      return { kind: "broken", ...seen(), why: `no answer within ${patienceMs / 1000} s` };
    }
    // A link to another site. If our own site is unreachable, the engine retries.
    if (!isOurs && error instanceof TypeError) return { kind: "broken", ...seen(), why: causeOf(error) };
    throw error;
  }
}

/** `Retry-After` as a number of seconds. If it is a date or missing, the node's `backoffSec` applies. */
function retryAfter(headers: Headers): number {
  const sec = Number(headers.get("retry-after"));
  return Number.isFinite(sec) ? sec : 0;
}

const causeOf = ({ cause, message }: Error): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : message;

/** Sufficient for the example site. Use a parser for arbitrary HTML. */
function linksIn(html: string, url: string): readonly string[] {
  const links = [...html.matchAll(/<a\s[^>]*?href="([^"]*)"/g)].map(([, href = ""]) =>
    URL.parse(href.replaceAll("&amp;", "&"), url),
  );
  return [...new Set(links.flatMap((link) => (link?.protocol.startsWith("http") ? link.href : [])))];
}

/** @example pageOf("http://localhost/saturn#rings") // "http://localhost/saturn" */
export function pageOf(link: string): string {
  const url = new URL(link);
  url.hash = "";
  return url.href;
}
