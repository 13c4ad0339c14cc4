import { fileURLToPath } from "node:url";
import type typescript from "typescript";
import { type LibraryDeclarations, libraryPaths } from "../library.ts";

/* TypeScript's language service over this project, as in an editor, with files that exist only in memory. */

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = fileURLToPath(new URL(".", import.meta.url));

/** Marks the position of the cursor in a source text. */
const cursor = "|";

export interface OpenFile {
  readonly name: string;
  readonly text: string;
  /** Where the cursor is. */
  readonly at: number;
}

export interface Editor {
  readonly service: typescript.LanguageService;
  /** The next request creates a new program, so open all files first. */
  open(source: string): OpenFile;
}

/**
 * @param options.typescript - the module of the TypeScript version
 * @param options.prelude - precedes the text of every file
 * @param options.library - the library that the files import, as users have it
 */
export function openEditor(options: {
  readonly typescript: typeof typescript;
  readonly prelude: string;
  readonly library: LibraryDeclarations;
}): Editor {
  const { typescript, prelude, library } = options;
  const { sys } = typescript;
  const { config } = typescript.readConfigFile(`${root}tsconfig.json`, sys.readFile);
  const { options: ownOptions } = typescript.parseJsonConfigFileContent(config, sys, root);
  const compilerOptions = { ...ownOptions, paths: libraryPaths(library) };
  const files = new Map<string, OpenFile>();
  const read = (name: string) => files.get(name)?.text ?? sys.readFile(name);
  const service = typescript.createLanguageService({
    getCompilationSettings: () => compilerOptions,
    getScriptFileNames: () => [...files.keys()],
    getScriptVersion: () => "1", // no file ever changes
    getScriptSnapshot(name) {
      const text = read(name);
      return text === undefined ? undefined : typescript.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: typescript.getDefaultLibFilePath,
    fileExists: (name) => files.has(name) || sys.fileExists(name),
    readFile: read,
    readDirectory: sys.readDirectory,
    directoryExists: sys.directoryExists,
  });
  return {
    service,
    open(source) {
      const [before, after, ...more] = source.split(cursor);
      if (before === undefined || after === undefined || more.length > 0) throw new Error(`one cursor, in:\n${source}`);
      const name = `${folder}open-${files.size}.ts`;
      const file = { name, text: prelude + before + after, at: prelude.length + before.length };
      files.set(name, file);
      return file;
    },
  };
}
