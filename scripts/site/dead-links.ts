import { dirname, join, normalize } from "node:path/posix";

/** A page of the site: its path relative to the site's root, and its HTML. */
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
 * Links to missing files of the site, and to missing anchors. Links to other sites are not checked.
 *
 * @param files - all files of the site, relative to its root
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
