import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Mutation } from "./mutation.ts";

const workshop = resolve(".cache/mutants");
/** The files that simulations and directed tests need. */
const needed = ["src", "test", "test-d", "scripts", "package.json", "vitest.config.ts", "tsconfig.json"];

/** Creates a copy of the project with this mistake; disposing it deletes the copy. */
export function plant({ name, edits }: Mutation): { readonly place: string } & Disposable {
  const place = join(workshop, name.replaceAll(/\W+/g, "-"));
  const remove = () => rmSync(place, { recursive: true, force: true });
  remove();
  mkdirSync(place, { recursive: true });
  for (const path of needed) cpSync(path, join(place, path), { recursive: true });
  symlinkSync(resolve("node_modules"), join(place, "node_modules"));
  for (const { file, search, replace } of edits) {
    const path = join(place, file);
    const [before, after, ...more] = readFileSync(path, "utf8").split(search);
    if (after === undefined || more.length > 0)
      throw new Error(`'${name}': ${file} does not contain '${search}' exactly once`);
    writeFileSync(path, before + replace + after);
  }
  return { place, [Symbol.dispose]: remove };
}

/** Returns the edits whose search text does not occur exactly once in the code. */
export function staleEdits(mutations: readonly Mutation[]): string[] {
  return mutations.flatMap(({ name, edits }) =>
    edits.flatMap(({ file, search }, at) => {
      // An edit may search for text that an earlier edit inserted.
      const earlier = edits.slice(0, at).filter((each) => each.file === file);
      const text = earlier.reduce(
        (code, each) => code.replace(each.search, () => each.replace),
        readFileSync(file, "utf8"),
      );
      const times = text.split(search).length - 1;
      return times === 1 ? [] : [`'${name}': ${file} contains '${search}' ${times} times`];
    }),
  );
}
