import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Installs the compared libraries into this folder's `node_modules`, which git ignores, at the versions of its lock
 * file, unless they are installed.
 *
 * @param size - the size of the installed libraries, which is printed
 */
export function installPeers(folder: URL, size: string): void {
  const path = fileURLToPath(folder);
  const installed = join(path, "node_modules", ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(path, "package-lock.json")).mtimeMs) return;
  process.stderr.write(`installing the libraries to compare with into ${path}node_modules, about ${size}\n`);
  // `npm run` passes the project's location to its children, which differs here. `npm ci` would reject a lock file
  // without an optional package for another platform.
  execFileSync("npm", ["install", "--no-save", "--prefix", path], {
    cwd: path,
    stdio: ["ignore", "ignore", "inherit"],
  });
}
