/*
 * Builds the documentation's site into `docs/.site`: the pages that `docs/README.md` lists, and the reference of all
 * that the package exports. A page that it does not list, a dead link and an export without a docstring are errors.
 */
import { glob, readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { entryPoints } from "../entry-points.ts";
import { deadLinks } from "./dead-links.ts";
import { navigationProblems, sectionsOf } from "./navigation.ts";
import { Problems } from "./problems.ts";
import { siteApplication } from "./typedoc.ts";

const out = "docs/.site";
const indexFile = "docs/README.md";
const problems = new Problems();

for (const entry of Object.values(packageJson.exports)) {
  if (typeof entry === "string") continue;
  const name = entry.default.replace(/^\.\/dist\/(.*)\.js$/, "$1");
  if (!Object.hasOwn(entryPoints, name)) problems.add(`${entry.default} is exported but not in the reference`);
}

const sections = sectionsOf(await readFile(indexFile, "utf8"), indexFile);
const pages: string[] = [];
for await (const file of glob(["CONTRIBUTING.md", "docs/**/*.md", "examples/*/README.md"])) {
  if (file !== indexFile) pages.push(file);
}
problems.add(...navigationProblems(sections, pages.toSorted()));

const application = await siteApplication({ sections, indexFile, entryPoints: Object.values(entryPoints), out });
application.logger = problems;
const project = await application.convert();
if (project !== undefined) {
  application.validate(project);
  await application.generateOutputs(project);
  problems.add(...(await deadLinksIn(out)));
}

for (const problem of problems.found) console.error(problem);
console.log(
  `${join(out, "index.html")}: ${problems.found.length === 0 ? "built" : `${problems.found.length} problems`}`,
);
process.exitCode = problems.found.length === 0 ? 0 : 1;

async function deadLinksIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  const html = files.filter((path) => path.endsWith(".html"));
  const built = await Promise.all(
    html.map(async (path) => ({ path, html: await readFile(join(folder, path), "utf8") })),
  );
  return deadLinks(built, files).map((link) => `dead link in ${link}`);
}
