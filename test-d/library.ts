import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { entryPoints } from "../scripts/entry-points.ts";
import { type Compiled, type Compiler, Workspace, type WorkspaceOptions } from "./compilers.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The folder with the declarations of {@link emitLibrary}, or why there are none. */
export type LibraryDeclarations = { readonly folder: string } | { readonly failed: string };

/** Emits the library's declarations from the sources, so that a change of types can be tested without a build. */
export async function emitLibrary(): Promise<Disposable & { readonly folder: string }> {
  const workspace = new Workspace("library");
  const sources = Object.values(entryPoints).map((source) => join(root, source));
  const { diagnostics } = await workspace.compile("7.0", sources, {
    noEmit: false,
    noEmitOnError: true,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: join(root, "src"),
    outDir: ".",
  });
  const [first] = diagnostics;
  if (first === undefined) return { folder: workspace.path, [Symbol.dispose]: () => workspace[Symbol.dispose]() };
  workspace[Symbol.dispose]();
  throw new Error(`the library does not compile: ${JSON.stringify(first)}`);
}

/** The path mapping of the modules that users import. @throws if there are no declarations */
export function libraryPaths(library: LibraryDeclarations): Record<string, string[]> {
  if ("failed" in library) throw new Error(library.failed);
  return Object.fromEntries(
    Object.entries(entryPoints).map(([entry, source]) => [
      entry === "index" ? "flowkit" : `flowkit/${entry}`,
      [join(library.folder, source.replace(/^src\//, "").replace(/\.ts$/, ".d.ts"))],
    ]),
  );
}

/** A workspace where programs import "flowkit" by its declarations, as users do. */
export class LibraryWorkspace extends Workspace {
  readonly #paths: Readonly<Record<string, readonly string[]>>;

  constructor(name: string, library: LibraryDeclarations, options: WorkspaceOptions = {}) {
    const paths = libraryPaths(library);
    super(name, options);
    this.#paths = paths;
  }

  /** Compiles files of the workspace. Declarations are trusted, as in most projects (`skipLibCheck`). */
  compileUser(
    compiler: Compiler,
    files: string | readonly string[],
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<Compiled> {
    return this.compile(compiler, [files].flat(), { paths: this.#paths, ...options });
  }
}
