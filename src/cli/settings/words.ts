import type { Reading } from "./catalogue.ts";

/** Words that are no such value. Its message goes on from "it is '...': ". */
export class Unreadable extends Error {}

const listOf = (words: string): readonly string[] =>
  words
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

/**
 * What words of the environment or of a command line stand for.
 *
 * @example
 * valueOfWords("render=2, mail=1", "counts") // { render: 2, mail: 1 }
 *
 * @throws Unreadable
 */
export function valueOfWords(words: string, reading: Reading): unknown {
  switch (reading) {
    case "text":
    case "file":
      return words;
    case "list":
    case "files":
      return listOf(words);
    case "number":
      return numberOf(words);
    case "boolean":
      if (words === "true" || words === "1") return true;
      if (words === "false" || words === "0") return false;
      throw new Unreadable("give true or false");
    case "counts":
      return Object.fromEntries(
        listOf(words).map((item) => {
          const [, name, count] = /^(.+)=(\d+)$/.exec(item) ?? [];
          if (name === undefined || count === undefined)
            throw new Unreadable("give names and numbers: render=2,mail=1");
          return [name, Number(count)];
        }),
      );
  }
}

function numberOf(words: string): number {
  const value = Number(words);
  if (words.trim() === "" || !Number.isFinite(value)) throw new Unreadable("give a number");
  return value;
}
