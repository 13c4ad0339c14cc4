import { dirname, join, normalize } from "node:path";

export interface Section {
  readonly title: string;
  /** Pages, from the root of the repository. */
  readonly files: readonly string[];
}

/**
 * The navigation that an index page describes: each `## ` heading is a section, each page that a link below it leads to
 * is in it. A page is where it is first.
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

/** What is wrong with a navigation over these pages: each must stand in it, and nothing else. */
export function navigationProblems(sections: readonly Section[], pages: readonly string[]): readonly string[] {
  const listed = sections.flatMap(({ files }) => files);
  return [
    ...pages.filter((page) => !listed.includes(page)).map((page) => `${page} is not in the navigation`),
    ...listed.filter((file) => !pages.includes(file)).map((file) => `${file} is in the navigation, and isn't there`),
  ];
}

/** What a page calls itself; its name without a heading. */
export function titleOf(page: string, file: string): string {
  return /^# (.+)$/m.exec(page)?.[1]?.replaceAll("`", "").trim() ?? file;
}
