import { styleText } from "node:util";
import type { words } from "./flow.ts";

type Top = (typeof words.$infer.outputs)["top"];

/** The words shared by most languages, one line each: a bar, and as many of the languages as fit. */
export function renderTop({ declarations, words, different, mostShared }: Top, columns: number): string {
  const count = new Intl.NumberFormat("en");
  const wordWidth = Math.max(0, ...mostShared.map(({ word }) => word.length));
  const most = mostShared[0]?.languages.length ?? 1;
  return [
    "",
    `${count.format(words)} words in ${count.format(declarations)} translations, ${count.format(different)} different ones`,
    "",
    styleText("bold", "shared by most languages"),
    ...mostShared.map(({ word, languages }) => {
      const bar = "█".repeat(Math.max(1, Math.round((16 * languages.length) / most)));
      const start = `${word.padEnd(wordWidth)} ${String(languages.length).padStart(4)} ${bar.padEnd(16)} `;
      return `${start}${styleText("dim", inWidth(languages, columns - start.length))}`;
    }),
  ].join("\n");
}

/** @example inWidth(["Asturian", "Catalan", "Corsican"], 20) // "Asturian, … 2 more" */
function inWidth(languages: readonly string[], width: number): string {
  for (let shown = languages.length; shown > 0; shown--) {
    const left = languages.length - shown;
    const text = `${languages.slice(0, shown).join(", ")}${left === 0 ? "" : `, … ${left} more`}`;
    if (text.length <= width) return text;
  }
  return "";
}
