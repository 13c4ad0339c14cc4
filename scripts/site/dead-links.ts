import { dirname, join, normalize } from "node:path/posix";

/** A page of the site: its path from the site's root, and its HTML. */
export interface SitePage {
  readonly path: string;
  readonly html: string;
}

const attribute = (name: string) => new RegExp(`\\s${name}="([^"]*)"`, "g");
const entities: Readonly<Record<string, string>> = { "&amp;": "&", "&quot;": '"', "&#39;": "'", "&lt;": "<" };
const unescaped = (text: string) => text.replaceAll(/&(?:amp|quot|#39|lt);/g, (entity) => entities[entity] ?? entity);
const valuesOf = (html: string, name: string) =>
  [...html.matchAll(attribute(name))].map(([, value]) => unescaped(value ?? ""));

/**
 * Links of pages to files that the site doesn't have, and to places that a page doesn't have. Links to other sites
 * aren't followed.
 *
 * @param files - every file of the site, from its root
 * @example
 * deadLinks([{ path: "a.html", html: '<a href="b.html#x">' }], ["a.html"]) // ["a.html: b.html#x"]
 */
export function deadLinks(pages: readonly SitePage[], files: readonly string[]): readonly string[] {
  const known = new Set(files);
  const placesOf = new Map(pages.map(({ path, html }) => [path, new Set(valuesOf(html, "id"))]));
  return pages.flatMap(({ path, html }) => {
    const links = new Set([...valuesOf(html, "href"), ...valuesOf(html, "src")]);
    return [...links].filter((link) => isDead(path, link)).map((link) => `${path}: ${link}`);
  });

  function isDead(from: string, link: string): boolean {
    if (/^[a-z]+:/i.test(link)) return false;
    const [file = "", place = ""] = decodeURI(link).split("#");
    const target = file === "" ? from : normalize(join(dirname(from), file));
    if (!known.has(target)) return target !== "." && target !== "./";
    const places = placesOf.get(target);
    return place !== "" && places !== undefined && !places.has(decodeURIComponent(place));
  }
}
