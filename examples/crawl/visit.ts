import { RetryableError } from "flowkit";
import * as z from "zod";

/** A link that is to be followed. */
export const Link = z.object({ url: z.url(), clicks: z.int().nonnegative() });
export type Link = z.infer<typeof Link>;

const about = {
  ...Link.shape,
  ms: z.int().nonnegative(),
  /** As the page has them, made absolute; with their `#section`. */
  links: z.array(z.url()),
};

/** What a link can be besides a page of the site. */
export const otherKinds = [
  z.object({ kind: z.literal("moved"), ...about, to: z.url() }),
  z.object({ kind: z.literal("broken"), ...about, why: z.string() }),
  z.object({ kind: z.literal("elsewhere"), ...about }),
] as const;
export const pageShape = { kind: z.literal("page"), ...about };

export const Visit = z.discriminatedUnion("kind", [z.object({ ...pageShape, html: z.string() }), ...otherKinds]);
export type Visit = z.infer<typeof Visit>;

export interface VisitOptions {
  /** What is of this origin is read; of all else it is only asked whether it is there. */
  readonly origin: string;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/**
 * Follows a link. That it is broken is an answer, not an error.
 *
 * @throws RetryableError `busy` when the server wants to be asked later
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
    // A link to another site. When ours can't be reached, the engine asks again.
    if (!isOurs && error instanceof TypeError) return { kind: "broken", ...seen(), why: causeOf(error) };
    throw error;
  }
}

/** `Retry-After` as a number of seconds. When it is a date or isn't there, the node's `backoffSec` says how long. */
function retryAfter(headers: Headers): number {
  const sec = Number(headers.get("retry-after"));
  return Number.isFinite(sec) ? sec : 0;
}

const causeOf = ({ cause, message }: Error): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : message;

/** Good for a site that is written like ours. For any HTML take a parser. */
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
