import { mistakeNames, mistakes } from "./mistakes.ts";
import type { Results } from "./results.ts";
import { saidOf, whenCaught } from "./words.ts";

/** `--json` prints long messages in full. */
const shownLength = 160;

export function printResults({ libraries, node, cores, rounds }: Results): void {
  console.log(`Node ${node}, ${cores} cores, medians of ${rounds}`);
  for (const name of mistakeNames) {
    console.log(`\n${mistakes[name]}`);
    for (const { title, cases } of libraries) {
      const caught = cases[name];
      console.log(`  ${title.padEnd(13)} ${whenCaught(caught).padEnd(30)} ${shorten(saidOf(caught))}`);
    }
  }
  console.log("\ncompiler, at its right place / compiler / later / never or not before a server / no such concept");
  for (const { title, cases } of libraries) {
    const all = Object.values(cases);
    const atRightPlace = all.filter((caught) => caught.by === "compiler" && caught.onToken);
    const counts = [
      atRightPlace.length,
      all.filter(({ by }) => by === "compiler").length - atRightPlace.length,
      all.filter(({ by }) => by === "definition" || by === "run").length,
      all.filter(({ by }) => by === "nobody" || by === "service").length,
      all.filter(({ by }) => by === "no such concept").length,
    ];
    console.log(`  ${title.padEnd(13)} ${counts.join(" / ")}`);
  }
  console.log("\na correct graph");
  for (const { title, version, typescript, graphs } of libraries) {
    for (const { form, nodes, instantiations, types, checkSeconds, memoryMiB, refused } of graphs) {
      const name = `${title} ${version}${form === undefined ? "" : `, ${form}`}`;
      const cost = `${nodes} nodes, ${instantiations.toLocaleString("en")} instantiations, ${types.toLocaleString("en")} types`;
      const machine = `${checkSeconds.toFixed(2)} s, ${memoryMiB} MiB, TypeScript ${typescript}`;
      console.log(`  ${name.padEnd(38)} ${cost}, ${machine}${refused === undefined ? "" : `: rejected, ${refused}`}`);
    }
  }
}

const shorten = (text: string) => (text.length > shownLength ? `${text.slice(0, shownLength)}...` : text);
