import { match } from "ts-pattern";
import type { $ZodIssue } from "zod/v4/core";
import type { FindingInput } from "./findings.ts";
import { shown } from "./messages.ts";
import type { Path } from "./pointer.ts";

const nouns: ReadonlyMap<string, string> = new Map([
  ["string", "a string"],
  ["number", "a number"],
  ["int", "an integer"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["tuple", "a pair [from, to]"],
  ["object", "an object"],
  ["record", "an object"],
]);

/**
 * The expectation of a zod issue, as a part of a message: "must be an integer". Not zod's own messages, which depend on
 * the locale that the application has configured.
 */
export function expectation(issue: $ZodIssue): string {
  return match(issue)
    .with({ code: "invalid_type" }, ({ expected }) => `must be ${nouns.get(expected) ?? expected}`)
    .with({ code: "invalid_value" }, ({ values }) => `must be ${values.map((value) => shown(value)).join(" or ")}`)
    .with({ code: "too_small", origin: "string", minimum: 1 }, () => "must not be empty")
    .with({ code: "too_small", origin: "array", minimum: 1 }, () => "must not be empty")
    .with({ code: "too_small", origin: "array" }, ({ minimum }) => `must have at least ${minimum} items`)
    .with({ code: "too_small" }, ({ minimum, inclusive }) =>
      inclusive === false ? `must be more than ${minimum}` : `must be at least ${minimum}`,
    )
    .with({ code: "too_big", origin: "array" }, ({ maximum }) => `must have at most ${maximum} items`)
    .with({ code: "too_big" }, ({ maximum }) => `must be at most ${maximum}`)
    .otherwise(({ message }) => message);
}

/** A hint if several words are allowed; a single one is already in the message. */
export function nearValue(issue: $ZodIssue, actual: unknown): Pick<FindingInput, "near"> {
  if (issue.code !== "invalid_value" || issue.values.length < 2 || typeof actual !== "string") return {};
  return { near: { word: actual, among: new Set(issue.values.map(String)) } };
}

/** A path as messages write it: `retry_policy.permanent_on[0]`. */
export function dotted(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}
