import { FlowError } from "../../errors/index.ts";
import type { LastOf } from "./messages.ts";

const maxDistance = 2;

/** Equal for names that differ only in case and separators, such as `dependsOn` and `depends_on`. */
const bare = (name: string): string => name.replace(/[_.-]/g, "").toLowerCase();

/**
 * The candidate that was probably intended: the nearest within an edit distance of 2, or the same name in another
 * style.
 *
 * @example
 * nearName("extrct", ["extract", "clean"]) // "extract"
 * nearName("id", ["io"]) // undefined: short words have too many neighbours
 */
export function nearName(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  // Every word of one or two letters is near every other.
  let bound = word.length < 3 ? 0 : maxDistance;
  for (const candidate of candidates) {
    if (candidate === word || candidate.length === 0) continue;
    if (bare(candidate) === bare(word)) return candidate;
    const distance = editDistance(word, candidate, bound);
    if (distance <= bound) {
      best = candidate;
      bound = distance - 1;
    }
  }
  return best;
}

// Names that other libraries use, with the names used here.
type Synonyms = Readonly<Record<string, string>>;

/** The message, with the name that was probably meant if one is near. */
export function withHint(message: string, word: string, among: Iterable<string>, synonyms: Synonyms = {}): string {
  const near = Object.hasOwn(synonyms, word) ? synonyms[word] : nearName(word, among);
  return near === undefined ? message : `${message} (did you mean '${near}'?)`;
}

/**
 * Rejects options that do not exist: an ignored option is worse than none.
 *
 * @param what - what the options are passed to, for messages
 * @throws FlowError `ENGINE_OPTIONS`
 */
export function checkOptionNames<TName extends string>(
  what: string,
  options: { readonly [K in TName]?: unknown },
  known: Readonly<Record<TName, true>>,
): void {
  if (typeof options !== "object" || options === null) {
    throw new FlowError("ENGINE_OPTIONS", `${what}: options must be an object, got ${options}`);
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const message = withHint(`${what} has no option '${unknown}'`, unknown, Object.keys(known));
  throw new FlowError("ENGINE_OPTIONS", message);
}

/** The same message as a type, which finds names at a distance of one edit. */
export type WithHint<TMessage extends string, TWord extends string, TAmong extends string, TSynonyms> = [
  Meant<TWord, TAmong, TSynonyms>,
] extends [never]
  ? TMessage
  : `${TMessage} (did you mean '${LastOf<Meant<TWord, TAmong, TSynonyms>> & string}'?)`;

type Meant<TWord extends string, TAmong extends string, TSynonyms> = TWord extends keyof TSynonyms
  ? TSynonyms[TWord]
  : NearIn<TAmong, TWord>;

type NearIn<TAmong extends string, TWord extends string> = TAmong extends unknown
  ? Bare<TAmong> extends Bare<TWord>
    ? TAmong
    : IsOneEdit<TWord, TAmong> extends true
      ? TAmong
      : never
  : never;

type Bare<TName extends string> = TName extends `${infer THead}${"_" | "." | "-"}${infer TRest}`
  ? Bare<`${THead}${TRest}`>
  : Lowercase<TName>;

// Compares what follows the common prefix of two names.
type IsOneEdit<TA extends string, TB extends string> = TA extends `${infer TFirst}${infer TRestA}`
  ? TB extends `${TFirst}${infer TRestB}`
    ? IsOneEdit<TRestA, TRestB>
    : IsOneEditAtStart<TA, TB>
  : IsOneEditAtStart<TA, TB>;

type IsOneEditAtStart<TA extends string, TB extends string> =
  Tail<TA> extends TB | Tail<TB>
    ? true
    : TA extends Tail<TB>
      ? true
      : TA extends `${infer TFirst}${infer TSecond}${infer TRest}`
        ? TB extends `${TSecond}${TFirst}${TRest}`
          ? true
          : false
        : false;

type Tail<T extends string> = T extends `${infer _}${infer TRest}` ? TRest : undefined;

/** Damerau-Levenshtein distance (adjacent transpositions count as one edit); `bound + 1` means more than `bound`. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) > bound) return bound + 1;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    let rowMin = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(previous, j) + 1, at(current, j - 1) + 1, at(previous, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, at(beforePrevious, j - 2) + 1);
      }
      current.push(cost);
      rowMin = Math.min(rowMin, cost);
    }
    if (rowMin > bound) return bound + 1;
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, b.length);
}

const at = (row: readonly number[], index: number): number => row[index] ?? Number.POSITIVE_INFINITY;
