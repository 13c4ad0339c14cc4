import { badFnArgs } from "./bad-fn-args.ts";
import { hasRandomLookingRun } from "./random-looking.ts";
import { textsIn, type VarLeaf } from "./var-leaves.ts";
import { quotedPath } from "./var-paths.ts";

/**
 * Judges one string of a value that `block_sensitive` protects.
 *
 * @example
 * const detect: SensitiveDetector = (text) => (/^cust_/.test(text) ? "a customer key" : undefined)
 * detect("cust_123") // "a customer key"
 *
 * @returns what it looks like, as the words of a sentence (they are stored and shown, so never the value);
 * `undefined` when it is harmless
 */
export type SensitiveDetector = (text: string) => string | undefined;

/*
 * Every pattern takes time linear in the text: a look-behind allows a run of characters to be tried from its start only.
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
 * The detector that `block_sensitive` uses unless the engine is given another: PEM, JSON web tokens, keys and tokens of
 * cloud services, authorization headers, passwords in URLs, and long strings that look drawn at random. It guards
 * against accidents; a secret in plain words, or of one case only, passes.
 */
export const detectSensitive: SensitiveDetector = (text) => {
  for (const [kind, pattern] of patterns) if (pattern.test(text)) return kind;
  return hasRandomLookingRun(text) ? "a long random key" : undefined;
};

/** @throws PermanentError `bad_fn_args` naming the variable and what its value looks like */
export function refuseSensitive(leaves: readonly VarLeaf[], detect: SensitiveDetector): void {
  for (const { path, value } of leaves) {
    for (const text of textsIn(value)) {
      const kind = detect(text);
      if (kind === undefined) continue;
      throw badFnArgs(
        `the value of the variable ${quotedPath(path)} looks like ${kind}, which block_sensitive refuses: ` +
          "variables are no place for secrets",
      );
    }
  }
}
