import typescript60 from "typescript";
import typescript59 from "typescript-5.9";

/*
 * Runs 5.9 and 6.0 in this process, with the same results and counts as their command line, but reads the imports of
 * all programs only once, which is most of the work for most test programs.
 */

type TypeScript = typeof typescript60;

// The declarations of 5.9 and 6.0 differ in details, none of which is used here.
const versions = { "5.9": typescript59 as unknown as TypeScript, "6.0": typescript60 } as const;
const read = { "5.9": new Map<string, typescript60.SourceFile>(), "6.0": new Map<string, typescript60.SourceFile>() };

export interface CompiledHere {
  /** As printed by the command line. */
  readonly printed: string;
  readonly files: number;
  readonly types: number;
  readonly instantiations: number;
}

/**
 * @param project - the path of a `tsconfig.json`
 * @param folder - the working directory; its files are read again
 */
export function compileHere(version: keyof typeof versions, project: string, folder: string): CompiledHere {
  const ts = versions[version];
  const host = hostOf(version, folder);
  const parsed = ts.getParsedCommandLineOfConfigFile(
    project,
    {},
    { ...ts.sys, getCurrentDirectory: () => folder, onUnRecoverableConfigFileDiagnostic: () => {} },
  );
  if (parsed === undefined) throw new Error(`cannot read ${project}`);
  const { fileNames, options, errors } = parsed;
  const program = ts.createProgram({ rootNames: fileNames, options, configFileParsingDiagnostics: errors, host });
  const found = [
    ...program.getConfigFileParsingDiagnostics(),
    ...program.getOptionsDiagnostics(),
    ...program.getSyntacticDiagnostics(),
  ];
  if (found.length === 0) found.push(...program.getGlobalDiagnostics());
  if (found.length === 0) found.push(...program.getSemanticDiagnostics());
  if (options.noEmit !== true) found.push(...program.emit().diagnostics);
  return {
    printed: ts.formatDiagnostics(ts.sortAndDeduplicateDiagnostics(found), host),
    files: program.getSourceFiles().length,
    types: program.getTypeCount(),
    instantiations: program.getInstantiationCount(),
  };
}

function hostOf(version: keyof typeof versions, folder: string): typescript60.CompilerHost {
  const ts = versions[version];
  const host = ts.createCompilerHost({});
  return {
    ...host,
    getCurrentDirectory: () => folder,
    getNewLine: () => "\n",
    jsDocParsingMode: ts.JSDocParsingMode.ParseForTypeErrors,
    getSourceFile(name, options, ...rest) {
      if (name.startsWith(folder)) return host.getSourceFile(name, options, ...rest);
      // A parsed file also records whether it is an ECMAScript module.
      const key = `${typeof options === "object" ? options.impliedNodeFormat : ""} ${name}`;
      const file = read[version].get(key) ?? host.getSourceFile(name, options, ...rest);
      if (file !== undefined) read[version].set(key, file);
      return file;
    },
  };
}
