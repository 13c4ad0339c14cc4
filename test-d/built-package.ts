import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Compiled, type Compiler, Workspace } from "./compilers.ts";

/** Folder of the declarations that are published. */
export const dist = fileURLToPath(new URL("../dist/", import.meta.url));

/**
 * A workspace where "flowkit" is the built package: the repository imports itself by name, as users do, so only the
 * exports of its entry points can be named.
 */
export class BuiltPackage extends Workspace {
  constructor(name: string) {
    if (!existsSync(`${dist}index.d.ts`)) throw new Error("dist is missing: run `npm run build` first");
    super(name);
  }

  compileUser(
    compiler: Compiler,
    files: string | readonly string[],
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<Compiled> {
    return this.compile(compiler, [files].flat(), { paths: {}, ...options });
  }
}
