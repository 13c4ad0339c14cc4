const width = 116;

/**
 * JSON for people and machines: a list or object that fits on a line stands on one.
 *
 * @example
 * compactJson({ sum: [{ revenue: 4 }] }) // { "sum": [{ "revenue": 4 }] }
 */
export function compactJson(value: unknown): string {
  return written(JSON.parse(JSON.stringify(value) ?? "null"), "", 0);
}

function written(value: unknown, indent: string, used: number): string {
  const line = onOneLine(value, width - indent.length - used);
  if (line !== undefined) return line;
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    return `[\n${value.map((item) => `${inner}${written(item, inner, 1)}`).join(",\n")}\n${indent}]`;
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([key, item]) => {
      const head = `${JSON.stringify(key)}: `;
      return `${inner}${head}${written(item, inner, head.length + 1)}`;
    });
    return `{\n${members.join(",\n")}\n${indent}}`;
  }
  return JSON.stringify(value);
}

/** `undefined`: it is longer than that. */
function onOneLine(value: unknown, room: number): string | undefined {
  if (room < 0) return undefined;
  if (typeof value !== "object" || value === null) {
    const text = JSON.stringify(value);
    return text.length <= room ? text : undefined;
  }
  const isList = Array.isArray(value);
  let text = isList ? "[" : "{ ";
  let isFirst = true;
  for (const [key, item] of Object.entries(value)) {
    const head = `${isFirst ? "" : ", "}${isList ? "" : `${JSON.stringify(key)}: `}`;
    const inner = onOneLine(item, room - text.length - head.length - 1);
    if (inner === undefined) return undefined;
    text += head + inner;
    isFirst = false;
  }
  text = isFirst ? (isList ? "[]" : "{}") : `${text}${isList ? "]" : " }"}`;
  return text.length <= room ? text : undefined;
}
