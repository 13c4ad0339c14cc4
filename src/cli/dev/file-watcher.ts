import { existsSync, type FSWatcher, readFileSync, watch } from "node:fs";
import { basename, dirname, isAbsolute, relative, resolve, sep } from "node:path";

/** Editors write a file in several steps, or replace it. */
const settledMs = 50;

/**
 * Watches files by their content: saving a file unchanged is not a change. It watches their folders, since editors replace
 * files; a file may be missing at first.
 */
export class FileWatcher {
  readonly #contents = new Map<string, string | undefined>();
  /** By folder, with the names in it that matter. */
  readonly #folders = new Map<string, { readonly watcher: FSWatcher; readonly names: Set<string> }>();
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #waiting: ((paths: readonly string[]) => void) | undefined;

  /** Watches these files only. */
  reset(paths: Iterable<string>): void {
    this.#contents.clear();
    for (const path of paths) this.add(path);
  }

  /** @param path - absolute */
  add(path: string): void {
    if (this.#contents.has(path)) return;
    this.#contents.set(path, contentOf(path));
    this.#watchFolderOf(path);
  }

  has(path: string): boolean {
    return this.#contents.has(path);
  }

  /** Resolves with the next files that change. */
  next(): Promise<readonly string[]> {
    this.#changed.clear();
    return new Promise((done) => {
      this.#waiting = done;
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const { watcher } of this.#folders.values()) watcher.close();
  }

  /** Watches the nearest existing ancestor of a folder that does not exist. */
  #watchFolderOf(path: string): void {
    let folder = dirname(path);
    let name = basename(path);
    while (!existsSync(folder)) {
      name = basename(folder);
      folder = dirname(folder);
    }
    const known = this.#folders.get(folder);
    if (known !== undefined) {
      known.names.add(name);
      return;
    }
    const names = new Set([name]);
    const watcher = watch(folder, (_event, changed) => {
      if (changed === null || names.has(changed)) this.#lookSoon();
    });
    watcher.on("error", () => watcher.close()); // the folder was removed
    this.#folders.set(folder, { watcher, names });
  }

  #lookSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), settledMs);
  }

  #look(): void {
    for (const [path, before] of this.#contents) {
      const content = contentOf(path);
      if (content === before) continue;
      this.#contents.set(path, content);
      this.#changed.add(path);
      this.#watchFolderOf(path); // the folder may exist only now
    }
    if (this.#changed.size > 0) this.#waiting?.([...this.#changed]);
  }
}

/** `undefined` if the file does not exist. */
function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * A project's own files are few; this limits the effect of a mistake, such as a folder that imports itself by ever
 * longer paths.
 */
const mostFiles = 2_000;

/** The file, and what it imports by relative paths, including type imports, which Node does not load. */
export function importedFiles(entry: string): ReadonlySet<string> {
  const found = new Set([resolve(entry)]);
  for (const path of found) {
    if (found.size >= mostFiles) break;
    for (const [, specifier = ""] of (contentOf(path) ?? "").matchAll(imports)) {
      found.add(resolve(dirname(path), specifier));
    }
  }
  return found;
}

const imports = /\b(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"'\n]+)["']/g;

/** A path as a person would write it. */
export function shownPath(path: string): string {
  const short = relative("", path);
  return short.startsWith(`..${sep}..`) || isAbsolute(short) ? path : short;
}
