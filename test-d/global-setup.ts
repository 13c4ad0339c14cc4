import type { TestProject } from "vitest/node";
import { emitLibrary, type LibraryDeclarations } from "./library.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly library: LibraryDeclarations;
  }
}

/** The files that read the declarations. */
const users =
  /\/test-d\/(editor|errors|scale|verdicts)\/|\/test-d\/inference-order|\/test\/integration\/(docs|readme)\.test/;

/** Emits the library's declarations once for all files of this run, if one of them needs them. */
export async function setup(project: TestProject): Promise<(() => void) | undefined> {
  if (!project.vitest.state.getPaths().some((path) => users.test(path.replaceAll("\\", "/")))) return;
  try {
    const library = await emitLibrary();
    project.provide("library", { folder: library.folder });
    return () => library[Symbol.dispose]();
  } catch (error) {
    // Throwing here would end the whole run, including tests that do not need the declarations.
    project.provide("library", { failed: error instanceof Error ? error.message : String(error) });
  }
}
