import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Installs the libraries into this folder, at the locked versions, unless they are installed. */
export function installPeers(): void {
  const installed = here("node_modules/.package-lock.json");
  const lock = here("package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  process.stderr.write("installing the libraries to compare with into bench/types/node_modules, about 200 MB\n");
  // `npm run` passes the project's location to its children, which differs here.
  execFileSync("npm", ["ci", "--prefix", here(".")], { cwd: here("."), stdio: ["ignore", "ignore", "inherit"] });
}
