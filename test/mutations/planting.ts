import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Mutation } from "./mutation.ts";

const workshop = resolve(".cache/mutants");
/** What a simulation and a directed test need besides. */
const needed = [
  ...["src", "test", "package.json", "vitest.config.ts", "tsconfig.json"],
  ...["scripts/sim.ts", "scripts/sim-jobs.ts", "scripts/sim-report.ts", "scripts/vitest-summary.ts"],
];

/** A copy of the project with this mistake in it; gone with `using`. */
export function plant({ name, edits }: Mutation): { readonly place: string } & Disposable {
  const place = join(workshop, name.replaceAll(/\W+/g, "-"));
  const remove = () => rmSync(place, { recursive: true, force: true });
  remove();
  mkdirSync(join(place, "scripts"), { recursive: true });
  for (const path of needed) cpSync(path, join(place, path), { recursive: true });
  symlinkSync(resolve("node_modules"), join(place, "node_modules"));
  for (const { file, search, replace } of edits) {
    const path = join(place, file);
    const [before, after, ...more] = readFileSync(path, "utf8").split(search);
    if (after === undefined || more.length > 0) throw new Error(`'${name}': ${file} has not exactly one '${search}'`);
    writeFileSync(path, before + replace + after);
  }
  return { place, [Symbol.dispose]: remove };
}

/** Edits that the code has moved away from: what they look for isn't there exactly once. */
export function staleEdits(mutations: readonly Mutation[]): string[] {
  return mutations.flatMap(({ name, edits }) =>
    edits.flatMap(({ file, search }, at) => {
      // An edit may look for what an edit before it has put there.
      const earlier = edits.slice(0, at).filter((each) => each.file === file);
      const text = earlier.reduce(
        (code, each) => code.replace(each.search, () => each.replace),
        readFileSync(file, "utf8"),
      );
      const times = text.split(search).length - 1;
      return times === 1 ? [] : [`'${name}': ${file} has ${times} times '${search}'`];
    }),
  );
}
