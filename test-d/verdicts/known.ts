import type { Conflict, Disagreement } from "./disagreement.ts";

/** Known disagreements, each with its reason. */
export interface Known {
  readonly name: string;
  readonly reason: string;
  readonly conflicts: readonly Conflict[];
  /** Whether the entry applies to the schemas. */
  explains(found: Disagreement): boolean;
}

const sourcesOf = ({ question }: Disagreement): readonly [given: string, wanted: string] =>
  question.kind === "edge" ? [question.from.source, question.to.source] : [question.of.source, question.of.source];

const given =
  (words: RegExp) =>
  (found: Disagreement): boolean =>
    words.test(sourcesOf(found)[0]);
const wanted =
  (words: RegExp) =>
  (found: Disagreement): boolean =>
    words.test(sourcesOf(found)[1]);

const keysIn = (shown: string, after: string): readonly string[] =>
  [...shown.matchAll(/(['\w-]+?)(\??: )/g)].flatMap(([, key = "", mark = ""]) => (mark.endsWith(after) ? [key] : []));

export const known: readonly Known[] = [
  {
    name: "any",
    reason: "a type that is `any` asks for no check, so a run decides",
    conflicts: ["only the library refuses", "the run refuses a value"],
    explains: given(/z\.(any|custom|preprocess)\b/),
  },
  {
    name: "custom",
    reason:
      "JSON Schema cannot describe what `z.custom` accepts, so the library leaves it to the compiler and to the run",
    conflicts: ["only the compiler refuses", "only the library refuses", "the run refuses a value"],
    explains: (found) => given(/z\.custom\b/)(found) || wanted(/z\.custom\b/)(found),
  },
  {
    name: "checks",
    reason: "ranges, formats and other checks of a value are no part of a type: a run decides",
    conflicts: ["the run refuses a value"],
    explains: wanted(/z\.(int|int32|email|templateLiteral|stringbool|codec|coerce)\b|z\.iso|\.(min|refine)\(/),
  },
  {
    name: "catch",
    reason: "`.catch()` accepts any value, although zod gives its input the type of the inner schema",
    conflicts: ["only the compiler refuses"],
    explains: wanted(/\.catch\(/),
  },
  {
    name: "template literals",
    reason: "patterns of a text are part of a type of TypeScript; the library leaves them to the run",
    conflicts: ["only the compiler refuses"],
    explains: wanted(/z\.templateLiteral/),
  },
  {
    name: "strict",
    reason: "TypeScript accepts further keys everywhere; the library refuses those that are certainly refused by a run",
    conflicts: ["only the library refuses", "the run refuses a value"],
    explains: wanted(/z\.(strictObject|record\(z\.enum|partialRecord)/),
  },
  {
    name: "records",
    reason: "TypeScript compares two `Record` types by their arguments, and finds that `string` contains the keys",
    conflicts: ["only the library refuses", "the run refuses a value"],
    explains: (found) => given(/z\.record\(z\.string/)(found) && wanted(/z\.(record\(z\.enum|partialRecord)/)(found),
  },
  {
    name: "no key in common",
    reason: "TypeScript refuses an object without any of the keys where all are optional; a run accepts it",
    conflicts: ["only the compiler refuses"],
    explains: ({ compiler }) => {
      const [, is = "", needs = ""] = /'b': \S.*? is (.*?), needs (.*?)["`]>/s.exec(String(compiler)) ?? [];
      const optional = keysIn(needs, "?: ");
      return optional.length > 0 && keysIn(is, ": ").every((key) => !optional.includes(key));
    },
  },
  {
    name: "no keys",
    reason: "zod gives `z.object({})` the type `Record<string, never>`, which no object with keys fits",
    conflicts: ["only the compiler refuses"],
    explains: wanted(/\(\{ {2}\}\)/),
  },
  {
    name: "read-only unknown",
    reason: "zod gives `z.unknown().readonly()` the type `{}`",
    conflicts: ["only the compiler refuses", "only the library refuses"],
    explains: (found) => given(/z\.unknown\(\)\.readonly/)(found) || wanted(/z\.unknown\(\)\.readonly/)(found),
  },
  {
    name: "not a number",
    reason: "`z.nan()` has the type `number`, although no number of JSON is one",
    conflicts: ["only the library refuses"],
    explains: (found) => given(/z\.nan/)(found) || wanted(/z\.nan/)(found),
  },
  {
    name: "never",
    reason: "the type of a handler whose input is `z.never()` is that of a source; and `any` fits `never` in neither",
    conflicts: ["only the compiler refuses"],
    explains: wanted(/z\.never/),
  },
  {
    name: "undefined under an optional key",
    reason: "JSON leaves the key out, so the compiler accepts it; the library names each `undefined` of an output",
    conflicts: ["only the library refuses"],
    explains: given(/z\.(undefined|void)\(\)|z\.literal\(undefined\)/),
  },
  {
    name: "intersections",
    reason: "the library merges objects only; the compiler finds a scalar and an object to be `never`, or gives up",
    conflicts: ["only the compiler refuses", "only the library refuses", "the run refuses a value"],
    explains: (found) => given(/z\.intersection/)(found) || wanted(/z\.intersection/)(found),
  },
  {
    name: "inherited keys",
    reason: "TypeScript finds that every object has `toString` and `constructor`, also where they are optional keys",
    conflicts: ["only the compiler refuses", "the run refuses a value"],
    explains: (found) => given(/toString|constructor/)(found) || wanted(/toString|constructor/)(found),
  },
];
