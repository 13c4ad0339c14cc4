import { useSyncExternalStore } from "react";

/** An address of the page: `#/runs/ID?tab=timeline`. After the hash, so that the server serves one file. */
export interface Route {
  /** Decoded, without empty ones. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

type Query = Readonly<Record<string, string | undefined>>;

function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

/** The `href` of a route; keys without a value are left out. */
export function hrefOf(path: readonly string[], query: Query = {}): string {
  const entries = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const search = entries.length === 0 ? "" : `?${new URLSearchParams(entries)}`;
  return `#/${path.map(encodeURIComponent).join("/")}${search}`;
}

/** The same route with other values in its query. */
export function withQuery({ path, query }: Route, changes: Query): string {
  return hrefOf(path, { ...Object.fromEntries(query), ...changes });
}

/** The address that a click on a node leads to. */
export type LinkTo = (nodeId: string) => string;

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return parseRoute(hash);
}

/** @param options.replace - without a new entry in the history, as for a filter that is being typed */
export function navigate(href: string, { replace = false }: { readonly replace?: boolean } = {}): void {
  if (!replace) {
    window.location.hash = href;
    return;
  }
  window.history.replaceState(null, "", href);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

/** An address typed by hand may have a lone `%`. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
