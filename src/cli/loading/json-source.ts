import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { thrownMessage } from "../../errors/index.ts";
import { CliError } from "../terminal/cli-error.ts";

/** One-based, as in editors. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Parsed JSON, with the position of each value in its text. */
export interface JsonSource {
  readonly value: unknown;
  /** The position of the value at a JSON pointer, or of its nearest ancestor in the document. */
  positionOf(pointer: string): Position;
}

/**
 * Parses a JSON text.
 *
 * @throws CliError `CLI_JSON_SYNTAX` with line and column
 */
export function readJson(text: string, file: string): JsonSource {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (error) {
    const { offset, problem } = firstProblem(source) ?? { offset: 0, problem: thrownMessage(error) };
    const { line, column } = positionAt(source, offset);
    throw new CliError("CLI_JSON_SYNTAX", `${file}:${line}:${column}: invalid JSON: ${problem}`, { cause: error });
  }
  let root: Node | undefined;
  return {
    value,
    positionOf(pointer) {
      root ??= strictTree(source);
      let node = root;
      for (const segment of pointer.split("/").slice(1)) {
        const inner = node === undefined ? undefined : childOf(node, segment);
        if (inner === undefined) break;
        node = inner;
      }
      return positionAt(source, node?.offset ?? 0);
    },
  };
}

/** `undefined` for a document that is nested too deeply for the recursive parser; `JSON.parse` reads it nevertheless. */
function strictTree(text: string, errors: ParseError[] = []): Node | undefined {
  try {
    return parseTree(text, errors, { disallowComments: true });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function childOf({ type, children = [] }: Node, segment: string): Node | undefined {
  if (type === "array") return children[Number(segment)];
  const key = segment.replaceAll("~1", "/").replaceAll("~0", "~");
  // Of duplicate keys, `JSON.parse` keeps the last one.
  return children.findLast(({ children: [name] = [] }) => name?.value === key)?.children?.[1];
}

const problems: Readonly<Record<ReturnType<typeof printParseErrorCode>, string>> = {
  InvalidSymbol: "unexpected symbol",
  InvalidNumberFormat: "invalid number",
  PropertyNameExpected: "expected a property name in double quotes",
  ValueExpected: "expected a value",
  ColonExpected: "expected ':'",
  CommaExpected: "expected ',' or the end of the list or object",
  CloseBraceExpected: "expected ',' or '}'",
  CloseBracketExpected: "expected ',' or ']'",
  EndOfFileExpected: "expected the end of the file",
  InvalidCommentToken: "comments are not allowed",
  UnexpectedEndOfComment: "comments are not allowed",
  UnexpectedEndOfString: "unterminated string",
  UnexpectedEndOfNumber: "incomplete number",
  InvalidUnicode: "invalid \\u escape",
  InvalidEscapeCharacter: "invalid escape sequence",
  InvalidCharacter: "unescaped control character in a string",
  "<unknown ParseErrorCode>": "syntax error",
};

const longestSymbol = 20;

function firstProblem(text: string): { readonly offset: number; readonly problem: string } | undefined {
  const errors: ParseError[] = [];
  strictTree(text, errors);
  const [first] = errors;
  if (first === undefined) return undefined;
  const { error, offset, length } = first;
  const name = printParseErrorCode(error);
  const symbol = name === "InvalidSymbol" ? ` ${text.slice(offset, offset + Math.min(length, longestSymbol))}` : "";
  return { offset, problem: `${problems[name]}${symbol}` };
}

function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - lineStart + 1 };
}
