import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** A file of the page. */
export interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzipped: Buffer;
  /** Its name contains a hash of its content, so that it never changes. */
  readonly isImmutable: boolean;
}

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
  woff2: "font/woff2",
};

/** The folder of the page built from `studio/`, next to the built library in the package. */
export function pageFolder(): string {
  for (let folder = dirname(realpathSync(fileURLToPath(import.meta.url))); ; folder = dirname(folder)) {
    if (isPackage(folder)) return join(folder, "dist/studio");
    if (folder === dirname(folder)) throw new Error("the studio is not inside its package");
  }
}

function isPackage(folder: string): boolean {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).name === "flowkit";
  } catch {
    return false; // no manifest in this folder
  }
}

/** Serves the files that a folder contains now, by path; expects few and small files. */
export class Assets {
  readonly #folder: string;
  readonly #paths: ReadonlySet<string>;
  readonly #read = new Map<string, Promise<Asset>>();

  constructor(folder: string) {
    this.#folder = folder;
    this.#paths = new Set([...filesIn(folder, ""), ...filesIn(folder, "assets")]);
  }

  /** `undefined` if the file does not exist. */
  get(path: string): Promise<Asset> | undefined {
    const name = path === "/" ? "index.html" : path.slice(1);
    const type = types[name.split(".").at(-1) ?? ""];
    if (!this.#paths.has(name) || type === undefined) return undefined;
    let asset = this.#read.get(name);
    if (asset === undefined) {
      asset = readAsset(join(this.#folder, name), { type, isImmutable: name.startsWith("assets/") });
      this.#read.set(name, asset);
    }
    return asset;
  }
}

function filesIn(folder: string, inner: string): readonly string[] {
  try {
    const entries = readdirSync(join(folder, inner), { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() ? [inner === "" ? entry.name : `${inner}/${entry.name}`] : []));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return []; // not built
    throw error;
  }
}

const compress = promisify(gzip);

async function readAsset(file: string, about: Pick<Asset, "type" | "isImmutable">): Promise<Asset> {
  const plain = readFileSync(file);
  return { ...about, plain, gzipped: await compress(plain) };
}
