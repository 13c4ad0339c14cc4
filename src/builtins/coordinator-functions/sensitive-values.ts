import { badFnArgs, type SensitiveDetector } from "./function.ts";
import { quotedPath, textsIn, type VarLeaf } from "./var-leaves.ts";

/*
 * Every pattern takes time linear in the text: a look-behind ensures that a run of characters is tried only from its
 * start.
 */
const patterns: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["a PEM block", /-----BEGIN [A-Z0-9 ]+-----/],
  ["a JSON web token", /(?<![\w-])eyJ[\w-]{5,}\.(?:eyJ[\w-]{5,}\.[\w-]*|[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+)/],
  ["an AWS key", /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])/],
  ["a Google key", /(?<![\w-])(?:AIza[\w-]{35}(?![\w-])|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,})/],
  ["an Azure key", /(?:AccountKey|SharedAccessKey|SharedAccessSignature|[?&]sig)=[A-Za-z0-9+/%]{20,}/],
  ["a GitHub or GitLab token", /(?<![\w-])(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,}|glpat-[\w-]{20,})/],
  [
    "an access token",
    /(?<![\w-])(?:xox[abeoprs]-[\w-]{10,}|[sr]k_(?:live|test)_\w{16,}|npm_[A-Za-z0-9]{36}|sk-[\w-]{32,})/,
  ],
  ["an authorization header", /(?<!\w)(?:bearer|basic)\s+(?=[A-Za-z._~+/=-]*\d)[\w.~+/=-]{16,}/i],
  ["a URL with a password", /:\/\/[^\s/:@]*:[^\s/@]+@/],
];

/**
 * The default detector of `block_sensitive`: PEM, JSON web tokens, keys and tokens of cloud services, authorization
 * headers, passwords in URLs, and long strings that look random. It guards against accidents; a secret made of plain
 * words, or of one letter case only, passes.
 */
export const detectSensitive: SensitiveDetector = (text) => {
  for (const [kind, pattern] of patterns) if (pattern.test(text)) return kind;
  return hasRandomLookingRun(text) ? "a long random key" : undefined;
};

/** @throws PermanentError `bad_fn_args` with the variable and what its value looks like */
export function refuseSensitive(leaves: readonly VarLeaf[], detect: SensitiveDetector): void {
  for (const { path, value } of leaves) {
    for (const text of textsIn(value)) {
      const kind = detect(text);
      if (kind === undefined) continue;
      throw badFnArgs(
        `the value of the variable ${quotedPath(path)} looks like ${kind}, which block_sensitive rejects: ` +
          "do not store secrets in variables",
      );
    }
  }
}

/** Runs of the characters of keys and tokens: base64 in both alphabets. */
const runs = /[A-Za-z0-9+/_-]{32,}/g;

/** Within a run: the parts of UUIDs, digests and numbers, as they occur in paths beside words. */
const hexadecimalParts = /(?<![A-Za-z0-9])(?:[0-9a-f]+|[0-9A-F]+)(?![A-Za-z0-9])/g;
const marks = /[^A-Za-z0-9]/g;

/*
 * Measured on random base62 strings: it recognises 97.9 % of those of 32 characters, 99.1 % of 40, and 99.8 % of 64. It mistakes
 * for keys 2 % of camelCase names of 32 to 50 characters made of short words and up to three numbers, the most similar text that
 * people write. A lower bound on switches would recognise few additional keys, and mistake many more names.
 */
const leastBitsPerCharacter = 4;
const leastSwitches = 0.27;

/**
 * Whether the text contains a long run that looks random: lower case, upper case and digits, well mixed. Runs of one
 * letter case do not count, or every checksum and most ids would.
 *
 * @example
 * hasRandomLookingRun("the key is Zx81mQp40LwTe7RfVb29KsYhNc63JdGu") // true
 * hasRandomLookingRun("da39a3ee5e6b4b0d3255bfef95601890afd80709") // false: a SHA-1
 */
function hasRandomLookingRun(text: string): boolean {
  for (const [run] of text.matchAll(runs)) {
    const rest = run.replaceAll(hexadecimalParts, "").replaceAll(marks, "");
    if (!hasAllClasses(rest)) continue;
    if (switchRate(rest) >= leastSwitches && bitsPerCharacter(rest) >= leastBitsPerCharacter) return true;
  }
  return false;
}

const hasAllClasses = (run: string): boolean => /[a-z]/.test(run) && /[A-Z]/.test(run) && /[0-9]/.test(run);

/**
 * How often the class changes from one character to the next, as a fraction; a capital that begins a word is not
 * counted.
 */
function switchRate(run: string): number {
  let switches = 0;
  for (let i = 1; i < run.length; i++) {
    const [before, after] = [classOf(run, i - 1), classOf(run, i)];
    if (before !== after && !(before === "upper" && after === "lower")) switches++;
  }
  return switches / (run.length - 1);
}

function classOf(run: string, index: number): "lower" | "upper" | "digit" {
  const character = run.charAt(index);
  if (character >= "a") return "lower";
  return character >= "A" ? "upper" : "digit";
}

/** Shannon entropy of the run's own characters. */
function bitsPerCharacter(run: string): number {
  const counts = new Map<string, number>();
  for (const character of run) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / run.length) * Math.log2(count / run.length);
  return bits;
}
