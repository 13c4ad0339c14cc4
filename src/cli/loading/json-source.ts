import { CliError } from "../terminal/cli-error.ts";

/** From 1, as editors count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A JSON text that knows where each of its values stands. */
export interface JsonSource {
  readonly value: unknown;
  /** Of the value that a JSON pointer names, or of the nearest one around it when it isn't there. */
  positionOf(pointer: string): Position;
}

/**
 * Reads JSON. What it means says `JSON.parse`; a scanner of its own knows the places, and says where it is no JSON.
 *
 * @throws CliError `CLI_JSON_SYNTAX` with line and column
 */
export function readJson(text: string, file: string): JsonSource {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    const { at, expected } = new Scanner(source, undefined).firstError();
    const { line, column } = positionAt(source, at);
    throw new CliError("CLI_JSON_SYNTAX", `${file}:${line}:${column} is no JSON: expected ${expected}`, {
      cause: error,
    });
  }
  let places: ReadonlyMap<string, number> | undefined;
  return {
    value,
    positionOf(pointer) {
      places ??= placesIn(source);
      let around = pointer;
      while (!places.has(around) && around !== "") around = around.slice(0, around.lastIndexOf("/"));
      return positionAt(source, places.get(around) ?? 0);
    },
  };
}

function placesIn(text: string): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  new Scanner(text, places);
  return places;
}

function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - lineStart + 1 };
}

interface Level {
  readonly kind: "object" | "list";
  readonly pointer: string;
  /** The key that stood last, or the index of the item. */
  key: string;
  index: number;
}

type Expectation = "value" | "value or end" | "key" | "key or end" | "colon" | "comma or end" | "nothing";

const words: Readonly<Record<Expectation, string>> = {
  value: "a value",
  "value or end": "a value or ']'",
  key: "a key in double quotes",
  "key or end": "a key in double quotes or '}'",
  colon: "':'",
  "comma or end": "',' or the end of the list or object",
  nothing: "nothing more",
};

const token =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in a text
  /[ \t\n\r]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y;
const space = /[ \t\n\r]*/y;

/** Reads tokens one by one: no depth of nesting is too much for it. */
class Scanner {
  readonly #text: string;
  readonly #places: Map<string, number> | undefined;
  readonly #levels: Level[] = [];
  #expects: Expectation = "value";
  #error: { readonly at: number; readonly expected: string } | undefined;

  constructor(text: string, places: Map<string, number> | undefined) {
    this.#text = text;
    this.#places = places;
    let offset = 0;
    for (;;) {
      space.lastIndex = offset;
      space.exec(text);
      const at = space.lastIndex;
      token.lastIndex = offset;
      const match = at === text.length ? null : token.exec(text);
      if (match === null || !this.#take(at, match)) {
        const isOver = at === text.length && this.#expects === "nothing";
        if (!isOver) this.#error = { at, expected: words[this.#expects] };
        return;
      }
      offset = token.lastIndex;
    }
  }

  firstError(): { readonly at: number; readonly expected: string } {
    return this.#error ?? { at: this.#text.length, expected: "something else" };
  }

  #take(at: number, [, mark, text, literal]: RegExpExecArray): boolean {
    const level = this.#levels.at(-1);
    switch (this.#expects) {
      case "key or end":
      case "key":
        if (mark === "}" && this.#expects === "key or end") return this.#close();
        if (text === undefined || level === undefined) return false;
        level.key = JSON.parse(text);
        this.#expects = "colon";
        return true;
      case "colon":
        if (mark !== ":") return false;
        this.#expects = "value";
        return true;
      case "comma or end":
        if (level === undefined) return false;
        if (mark === (level.kind === "object" ? "}" : "]")) return this.#close();
        if (mark !== ",") return false;
        level.index++;
        this.#expects = level.kind === "object" ? "key" : "value";
        return true;
      case "value or end":
      case "value":
        if (mark === "]" && this.#expects === "value or end") return this.#close();
        if (mark !== undefined && mark !== "{" && mark !== "[") return false;
        this.#places?.set(this.#pointer(), at);
        if (text !== undefined || literal !== undefined) this.#valueEnded();
        else this.#open(mark === "{" ? "object" : "list");
        return true;
      case "nothing":
        return false;
    }
  }

  #pointer(): string {
    const level = this.#levels.at(-1);
    if (level === undefined) return "";
    const key = level.kind === "list" ? String(level.index) : level.key.replaceAll("~", "~0").replaceAll("/", "~1");
    return `${level.pointer}/${key}`;
  }

  #open(kind: Level["kind"]): void {
    const pointer = this.#places === undefined ? "" : this.#pointer();
    this.#levels.push({ kind, pointer, key: "", index: 0 });
    this.#expects = kind === "object" ? "key or end" : "value or end";
  }

  #close(): boolean {
    this.#levels.pop();
    this.#valueEnded();
    return true;
  }

  #valueEnded(): void {
    this.#expects = this.#levels.length === 0 ? "nothing" : "comma or end";
  }
}
