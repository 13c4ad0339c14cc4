import { dirname, join, normalize } from "node:path";

export interface Section {
  readonly title: string;
  /** Pages, relative to the root of the repository. */
  readonly files: readonly string[];
}

/**
 * The navigation that an index page describes: each `## ` heading is a section of the pages linked below it. A page
 * belongs to the first section that links it.
 *
 * @example
 * sectionsOf("## Start\n- [Handlers](handlers.md), and [why](handlers.md#errors)", "docs/README.md")
 * // [{ title: "Start", files: ["docs/handlers.md"] }]
 */
export function sectionsOf(index: string, indexFile: string): readonly Section[] {
  const [, ...parts] = `\n${index}`.split(/^## /m);
  const seen = new Set<string>();
  const sections = parts.map((part) => {
    const [title = ""] = part.split("\n");
    const files = [...part.matchAll(/\]\((?![a-z]+:)([^)#\s]+\.md)\)/g)].flatMap(([, link = ""]) => {
      const file = normalize(join(dirname(indexFile), link));
      if (seen.has(file)) return [];
      seen.add(file);
      return [file];
    });
    return { title: title.trim(), files };
  });
  return sections.filter(({ files }) => files.length > 0);
}

/** Mistakes in a navigation: it must contain all of these pages and nothing else. */
export function navigationProblems(sections: readonly Section[], pages: readonly string[]): readonly string[] {
  const listed = sections.flatMap(({ files }) => files);
  return [
    ...pages.filter((page) => !listed.includes(page)).map((page) => `${page} is not in the navigation`),
    ...listed.filter((file) => !pages.includes(file)).map((file) => `${file} is in the navigation but does not exist`),
  ];
}

/** The title of a page: its first heading, or its name. */
export function titleOf(page: string, file: string): string {
  return /^# (.+)$/m.exec(page)?.[1]?.replaceAll("`", "").trim() ?? file;
}
