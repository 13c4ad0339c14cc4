/*
 * Formats source text: two spaces, lines of at most 120 columns where they can be broken, trailing commas in broken
 * lists. A part that fits is on one line.
 */

export type Doc = string | List | Sequence | Block;

/** `[a, b]`, `{ a, b }`, `f(a, b)`. */
interface List {
  readonly kind: "list";
  readonly open: string;
  readonly close: string;
  readonly items: readonly Doc[];
  /** Whether the brackets have inner spaces on one line. */
  readonly padded: boolean;
  /** For a call: whether its last argument, an object or a list, may break without the others. */
  readonly hugs: boolean;
}

interface Sequence {
  readonly kind: "sequence";
  readonly parts: readonly Doc[];
}

/** Statements, one per line; they break the lists around them. */
interface Block {
  readonly kind: "block";
  readonly head: string;
  readonly body: readonly Doc[];
  readonly tail: string;
}

const widest = 120;

export const array = (items: readonly Doc[]): Doc => list({ open: "[", close: "]", items });
export const object = (items: readonly Doc[]): Doc => list({ open: "{", close: "}", items, padded: true });
export const call = (callee: string, items: readonly Doc[]): Doc =>
  list({ open: `${callee}(`, close: ")", items, hugs: true });
export const block = (head: string, body: readonly Doc[]): Doc => ({ kind: "block", head, body, tail: "}" });
export const sequence = (...parts: readonly Doc[]): Doc => ({ kind: "sequence", parts });

function list(part: Pick<List, "open" | "close" | "items"> & Partial<List>): List {
  return { kind: "list", padded: false, hugs: false, ...part };
}

/** The position of a part: the indentation of its line, and the columns before and after it on that line. */
interface Place {
  readonly indent: number;
  readonly before: number;
  readonly after: number;
}

/**
 * @param before - columns already used on its first line
 * @param after - columns needed after its end
 */
export function render(doc: Doc, place: Partial<Place> = {}): string {
  return write(doc, { indent: 0, before: 0, after: 0, ...place });
}

function write(doc: Doc, place: Place): string {
  if (typeof doc === "string") return doc;
  const line = flat(doc);
  if (!mustBreak(doc) && place.before + line.length + place.after <= widest) return line;
  if (doc.kind === "block") return writeBlock(doc, place);
  return doc.kind === "sequence" ? writeSequence(doc, place) : writeList(doc, place);
}

function writeSequence({ parts }: Sequence, place: Place): string {
  let text = "";
  let { before } = place;
  for (const [index, part] of parts.entries()) {
    const rest = parts
      .slice(index + 1)
      .map(flat)
      .join("").length;
    const written = write(part, { ...place, before, after: Math.min(rest, 20) + place.after });
    text += written;
    const lastLine = written.lastIndexOf("\n");
    before = lastLine === -1 ? before + written.length : written.length - lastLine - 1;
  }
  return text;
}

function writeBlock({ head, body, tail }: Block, place: Place): string {
  const indent = place.indent + 2;
  const lines = body.map((line) => `${" ".repeat(indent)}${write(line, { indent, before: indent, after: 0 })}\n`);
  return `${head}\n${lines.join("")}${" ".repeat(place.indent)}${tail}`;
}

function writeList(list: List, place: Place): string {
  const { open, close, items } = list;
  const last = items.at(-1);
  if (last === undefined) return open + close;
  const first = items.slice(0, -1).map(flat);
  const head = [open, ...first.map((item) => `${item}, `)].join("");
  if (list.hugs && isLiteral(last) && place.before + head.length + 1 <= widest) {
    return (
      head + write(last, { indent: place.indent, before: place.before + head.length, after: 1 + place.after }) + close
    );
  }
  const indent = place.indent + 2;
  const lines = items.map((item) => `${" ".repeat(indent)}${write(item, { indent, before: indent, after: 1 })},\n`);
  return `${open}\n${lines.join("")}${" ".repeat(place.indent)}${close}`;
}

const isLiteral = (doc: Doc): doc is List => typeof doc !== "string" && doc.kind === "list" && !doc.hugs;

/** Several objects, or lists, with more than one item each read better one per line. */
function mustBreak(doc: Doc): boolean {
  if (typeof doc === "string") return false;
  if (doc.kind === "block") return true;
  if (doc.kind === "sequence") return doc.parts.some(mustBreak);
  const isTable =
    doc.open === "[" &&
    doc.items.length > 1 &&
    doc.items.every((item) => isLiteral(item) && item.items.length > 1) &&
    new Set(doc.items.map((item) => isLiteral(item) && item.open)).size === 1;
  return isTable || doc.items.some(mustBreak);
}

function flat(doc: Doc): string {
  if (typeof doc === "string") return doc;
  if (doc.kind === "sequence") return doc.parts.map(flat).join("");
  if (doc.kind === "block") return [doc.head, ...doc.body.map(flat), doc.tail].join(" ");
  const space = doc.padded && doc.items.length > 0 ? " " : "";
  return doc.open + space + doc.items.map(flat).join(", ") + space + doc.close;
}
