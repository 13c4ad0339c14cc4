import * as z from "zod";

/** A word and the languages that contain it, like an entry in the index of a book. */
export const Entry = z.object({ word: z.string(), languages: z.array(z.string()) });
export type Entry = z.infer<typeof Entry>;

/** Words are distributed by their first letter; `beyond` has those of other scripts. */
export type Shelf = "a_to_f" | "g_to_m" | "n_to_z" | "beyond";

/** @example shelfOf("état") // "a_to_f", and shelfOf("право") // "beyond" */
export function shelfOf(word: string): Shelf {
  const [letter = ""] = word.normalize("NFD");
  if (letter < "a" || letter > "z") return "beyond";
  if (letter < "g") return "a_to_f";
  return letter < "n" ? "g_to_m" : "n_to_z";
}

/** Merges parts that may contain the same words into one sorted entry per word. */
export function merged(parts: Iterable<Entry>): Entry[] {
  const index = new Map<string, Set<string>>();
  for (const { word, languages } of parts) {
    const all = index.get(word) ?? new Set();
    for (const language of languages) all.add(language);
    index.set(word, all);
  }
  return [...index]
    .map(([word, languages]) => ({ word, languages: [...languages].sort() }))
    .sort((a, b) => (a.word < b.word ? -1 : 1));
}

/** The words shared by most languages, with a minimum number of letters. */
export function mostShared(entries: readonly Entry[], { most, letters }: { most: number; letters: number }): Entry[] {
  return entries
    .filter(({ word, languages }) => languages.length > 1 && [...word].length >= letters)
    .sort((a, b) => b.languages.length - a.languages.length || (a.word < b.word ? -1 : 1))
    .slice(0, most);
}
