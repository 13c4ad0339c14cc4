import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Compiled, type Compiler, Workspace } from "../compilers.ts";

const source = fileURLToPath(new URL("../../src", import.meta.url));

/**
 * A place where programs import "flowkit" as users do, by its declarations. They are made from the sources, so that a
 * change of types can be measured without a build.
 */
export class ScaleWorkspace extends Workspace {
  static async create(): Promise<ScaleWorkspace> {
    const workspace = new ScaleWorkspace("scale");
    const { diagnostics } = await workspace.compile("7.0", [join(source, "index.ts")], {
      noEmit: false,
      noEmitOnError: true,
      declaration: true,
      emitDeclarationOnly: true,
      rootDir: source,
      outDir: "library",
    });
    if (diagnostics.length > 0) throw new Error(`the library does not compile: ${JSON.stringify(diagnostics[0])}`);
    return workspace;
  }

  /** Compiles one program by itself. Declarations are trusted, as in most projects (`skipLibCheck`). */
  async measure(
    compiler: Compiler,
    { name, program }: { readonly name: string; readonly program: string },
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<Compiled> {
    const file = `${name.replaceAll(/\W+/g, "-")}.ts`;
    this.write(file, program);
    return this.compile(compiler, [file], { paths: { flowkit: ["./library/index.d.ts"] }, ...options });
  }
}
