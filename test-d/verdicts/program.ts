import type * as z from "zod";
import { seededRandom } from "../../test/helpers/seeded-random.ts";
import type { Diagnostic } from "../compilers.ts";
import { Drafts, sourceOf } from "./draft.ts";
import { namedSchemas, schemaOf } from "./samples.ts";

/** A drawn schema as the output of one handler and the input of another. */
export interface Member {
  readonly name: string;
  readonly source: string;
  readonly schema: z.ZodType;
}

/** Variations of one schema; any two of them are a pair. */
export interface Family {
  readonly plain: boolean;
  readonly members: readonly Member[];
}

const sizeOfFamily = 6;

export function drawFamilies({ seed, count }: { readonly seed: number; readonly count: number }): readonly Family[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, at): Family => {
    const plain = random() < 0.6;
    const drafts = new Drafts(random, { plain });
    const trees = [drafts.draw()];
    while (trees.length < sizeOfFamily) {
      const origin = trees[Math.floor(random() * trees.length)];
      if (origin !== undefined) trees.push(drafts.vary(origin));
    }
    const members = trees.map((tree, index): Member => {
      const source = sourceOf(tree);
      return { name: `${at}_${index}`, source, schema: schemaOf(source) };
    });
    return { plain, members };
  });
}

/** The question that a line of the program poses to the compiler. */
export type Question =
  | { readonly kind: "output" | "input"; readonly of: Member; readonly family: Family }
  | { readonly kind: "edge"; readonly from: Member; readonly to: Member; readonly family: Family };

export interface Program {
  readonly text: string;
  /** By line, counted from 1. */
  readonly questions: ReadonlyMap<number, Question>;
}

export function programOf(families: readonly Family[]): Program {
  const lines = [
    'import { defineHandler as H, flow } from "flowkit"; import * as z from "zod";',
    ...namedSchemas.split("\n"),
  ];
  const questions = new Map<number, Question>();
  const ask = (question: Question, line: string): void => void questions.set(lines.push(line), question);
  for (const family of families) {
    for (const of of family.members) {
      const { name, source } = of;
      lines.push(`const s${name} = ${source};`);
      ask(
        { kind: "output", of, family },
        `const p${name} = H("p", { output: s${name}, processBatch: () => null as never });`,
      );
      ask(
        { kind: "input", of, family },
        `const c${name} = H("c", { input: s${name}, output: z.null(), processBatch: () => null });`,
      );
    }
    for (const from of family.members) {
      lines.push(`const f${from.name} = flow("f").node("a", p${from.name});`);
      for (const to of family.members) {
        ask({ kind: "edge", from, to, family }, `f${from.name}.then("b", c${to.name});`);
      }
    }
  }
  return { text: `${lines.join("\n")}\n`, questions };
}

/** `true`, or the message of the rejection. */
export type Verdict = true | string;

/** The verdict of the compiler on each question: the first message of its line. */
export function compilerVerdicts(
  { questions }: Program,
  diagnostics: readonly Diagnostic[],
): ReadonlyMap<Question, Verdict> {
  const texts = new Map<number, string>();
  for (const { line, code, text } of diagnostics) if (!texts.has(line)) texts.set(line, `${code}: ${text}`);
  return new Map([...questions].map(([line, question]) => [question, texts.get(line) ?? true]));
}
