import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Compiled, type Compiler, Workspace } from "./compilers.ts";

const source = fileURLToPath(new URL("../src", import.meta.url));

/**
 * A place where programs import "flowkit" as users do, by its declarations. They are made from the sources, so that a
 * change of types can be tested without a build.
 */
export class LibraryWorkspace extends Workspace {
  static async create(name: string): Promise<LibraryWorkspace> {
    const workspace = new LibraryWorkspace(name);
    const { diagnostics } = await workspace.compile(
      "7.0",
      [join(source, "index.ts"), join(source, "engine/index.ts")],
      {
        noEmit: false,
        noEmitOnError: true,
        declaration: true,
        emitDeclarationOnly: true,
        rootDir: source,
        outDir: "library",
      },
    );
    if (diagnostics.length > 0) throw new Error(`the library does not compile: ${JSON.stringify(diagnostics[0])}`);
    return workspace;
  }

  /** Compiles one file of the workspace. Declarations are trusted, as in most projects (`skipLibCheck`). */
  compileUser(compiler: Compiler, file: string, options: Readonly<Record<string, unknown>> = {}): Promise<Compiled> {
    return this.compile(compiler, [file], {
      paths: { flowkit: ["./library/index.d.ts"], "flowkit/engine": ["./library/engine/index.d.ts"] },
      ...options,
    });
  }
}
