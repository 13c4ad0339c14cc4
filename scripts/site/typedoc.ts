import { relative } from "node:path";
import { basename, dirname, join } from "node:path/posix";
import {
  Application,
  Comment,
  CommentTag,
  type Context,
  Converter,
  type DocumentReflection,
  JSX,
  KindRouter,
  type Reflection,
  ReflectionKind,
} from "typedoc";
import { headingsWithCode } from "./heading-code.ts";
import { type Section, titleOf } from "./navigation.ts";

export interface SiteOptions {
  readonly sections: readonly Section[];
  /** The index page, which comes first, outside all sections. */
  readonly indexFile: string;
  /** The sources of the entry points; `@module` gives their names. */
  readonly entryPoints: readonly string[];
  readonly out: string;
}

/** TypeDoc's name for the group of pages without a section. */
const noSection = "none";
/** The section that lists the entry points after its pages. */
const reference = "Reference";

export async function siteApplication({ sections, indexFile, entryPoints, out }: SiteOptions): Promise<Application> {
  const application = await Application.bootstrap({
    name: "FlowKit",
    includeVersion: true,
    tsconfig: "tsconfig.json",
    entryPoints: [...entryPoints],
    // A separate step checks the types.
    skipErrorChecking: true,
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    readme: "README.md",
    projectDocuments: [indexFile, ...sections.flatMap(({ files }) => files)],
    outputs: [{ name: "html", path: out }],
    router: "pages",
    customCss: "scripts/site/site.css",
    searchInComments: true,
    searchInDocuments: true,
    highlightLanguages: [
      ...["ts", "js", "json", "sh", "console", "yaml"],
      ...["python", "sql", "html", "mermaid", "dockerfile"],
    ],
    markdownItLoader: headingsWithCode,
    navigation: { includeGroups: true, includeCategories: false, includeFolders: false },
    groupOrder: [noSection, ...sections.map(({ title }) => title), "Functions", "Classes", "*"],
    validation: { notExported: true, invalidLink: true, invalidPath: true, rewrittenLink: true, notDocumented: true },
    requiredToBeDocumented: ["Module", "Class", "Interface", "TypeAlias", "Variable", "Function", "Method"],
    intentionallyNotExported: [
      ...["Fill", "Values", "Joined", "SeveralInOrder"], // the sentences of type errors
      ...["BuiltInAdapters", "FunctionTypes", "IsIn", "NodeRecords", "OutputOf"], // the tables that the names of built-ins come from
      ...["Recorded", "StepsOf"], // how a flow records its nodes
      "Traced",
      ...["HandlerErrorLike", "WithoutSender", "Edge", "GraphJson"], // shown where they are used
      ...["FlowArgument", "RunOptionsOf"], // by which the compiler checks `run`
      ...["FlowWithName", "ItemArgument"], // by which the compiler checks `asHandler`
      ...["MemoryState", "MemoryStoreEvent", "NamedData"], // for the tests of the package itself
    ],
  });
  application.renderer.defineRouter("pages", PageRouter);

  const sectionOf = new Map(sections.flatMap(({ title, files }) => files.map((file) => [file, title] as const)));
  application.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_: Context | undefined, page: DocumentReflection) => {
    const file = fileOf(page);
    page.name = titleOf(Comment.combineDisplayParts(page.content), file);
    page.frontmatter.group = sectionOf.get(file) ?? noSection;
  });
  application.converter.on(Converter.EVENT_CREATE_DECLARATION, (_, reflection) => {
    if (!reflection.kindOf(ReflectionKind.Module)) return;
    reflection.comment ??= new Comment();
    reflection.comment.blockTags.push(new CommentTag("@group", [{ kind: "text", text: reference }]));
  });

  const open = `for (const title of ${JSON.stringify(sections.map(({ title }) => title))}) {
    const key = "tsd-accordion-" + title;
    if (localStorage.getItem(key) === null) localStorage.setItem(key, "true");
  }`;
  application.renderer.hooks.on("head.begin", () =>
    JSX.createElement("script", null, JSX.createElement(JSX.Raw, { html: open })),
  );
  return application;
}

/** Pages keep their path: `docs/handlers.md` becomes `docs/handlers.html`. */
class PageRouter extends KindRouter {
  protected override getIdealBaseName(reflection: Reflection): string {
    if (!reflection.isDocument()) return super.getIdealBaseName(reflection);
    const file = fileOf(reflection);
    if (file === "docs/README.md") return "docs/index";
    const name = basename(file, ".md");
    return name === "README" ? dirname(file) : join(dirname(file), name.toLowerCase());
  }
}

const fileOf = (document: DocumentReflection): string =>
  relative(".", document.project.files.getReflectionPath(document) ?? "");
