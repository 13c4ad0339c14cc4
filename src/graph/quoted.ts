const longest = 60;
const plain = /^[\w .:>-]*$/;

/** A foreign value inside a sentence: one line, cut to a readable length. */
export function shown(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null || typeof value === "boolean" || typeof value === "number") return String(value);
  if (typeof value === "string") return `'${cut(value)}'`;
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return "an object";
}

/** Foreign text without the quotes: for names that a sentence already puts in quotes. */
export function cut(text: string): string {
  if (text.length <= longest && plain.test(text)) return text;
  const line = JSON.stringify(text.slice(0, longest)).slice(1, -1).replaceAll('\\"', '"');
  return text.length > longest ? `${line}...` : line;
}
