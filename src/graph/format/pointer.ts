/** A location in a document: keys and list positions from the top. */
export type Path = readonly (string | number)[];

/**
 * The JSON pointer (RFC 6901) of a path.
 *
 * @example
 * pointer(["nodes", 0, "io", "a/b"]) // "/nodes/0/io/a~1b"
 */
export function pointer(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** Document order: list positions numerically, keys alphabetically, a value before its contents. */
export function comparePaths(a: Path, b: Path): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a[i] as string | number;
    const y = b[i] as string | number;
    if (x === y) continue;
    if (typeof x === "number" && typeof y === "number") return x - y;
    return String(x) < String(y) ? -1 : 1;
  }
  return a.length - b.length;
}

/** The keys of a JSON pointer. */
export const pathOfPointer = (text: string): Path =>
  text
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

/** The value at a path; `undefined` if there is none. */
export function valueAt(document: unknown, path: Path): unknown {
  let value = document;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as { readonly [key: string | number]: unknown })[part];
  }
  return value;
}
