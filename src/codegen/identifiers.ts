/** Words that cannot name a constant in a module, and globals that a constant must not shadow. */
const reserved: ReadonlySet<string> = new Set(
  (
    "arguments as async await break case catch class const continue debugger default delete do else enum eval export " +
    "extends false finally for from function get globalThis if implements import in instanceof interface let new null " +
    "of package private protected public return set static super switch this throw true try typeof undefined using " +
    "var void while with yield"
  ).split(" "),
);

/** The identifiers of one module, all different. */
export class Identifiers {
  readonly #taken: Set<string>;

  constructor(taken: Iterable<string>) {
    this.#taken = new Set([...reserved, ...taken]);
  }

  /**
   * @param suffix - appended if the name is already in use
   *
   * @example
   * const names = new Identifiers([])
   * names.of("load-rows.v2", "Handler") // "loadRowsV2"
   * names.of("load_rows_v2", "Handler") // "loadRowsV2Handler"
   * names.of("delete", "Handler") // "deleteHandler"
   */
  of(text: string, suffix: string): string {
    const plain = camelCase(text);
    let name = plain === "" ? suffix.charAt(0).toLowerCase() + suffix.slice(1) : plain;
    if (this.#taken.has(name) && plain !== "") name += suffix;
    const base = name;
    for (let count = 2; this.#taken.has(name); count++) name = `${base}${count}`;
    this.#taken.add(name);
    return name;
  }
}

/**
 * Joins the words of a name, from its first letter on; other characters than ASCII letters and digits separate words.
 */
function camelCase(text: string): string {
  const words = text.replace(/^[^A-Za-z]+/, "").match(/[A-Za-z0-9]+/g) ?? [];
  const joined = words
    .map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
    .join("");
  return joined.charAt(0).toLowerCase() + joined.slice(1);
}

/** The builder's spelling of a name in the graph. */
export const builderName = (name: string): string =>
  name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
