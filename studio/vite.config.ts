import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * The page, or with `--mode report` the file that `flowkit report` fills in: one page that contains its scripts and
 * styles, and loads nothing.
 */
export default defineConfig(({ mode }) => {
  const isReport = mode === "report";
  return {
    root: here("."),
    base: "/",
    plugins: [react(), ...(isReport ? [inlined()] : [])],
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "warn",
    build: {
      outDir: here("../dist/studio"),
      // The report is built second, beside the page.
      emptyOutDir: !isReport,
      target: "es2023",
      // The content security policy allows no data: addresses.
      assetsInlineLimit: isReport ? Number.POSITIVE_INFINITY : 0,
      cssCodeSplit: !isReport,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 2_000,
      rolldownOptions: {
        input: here(isReport ? "report.html" : "index.html"),
        ...(isReport ? { output: { codeSplitting: false } } : {}),
      },
    },
  };
});

/** Moves scripts and styles into the page, and allows nothing else to run there. */
function inlined(): Plugin {
  return {
    name: "flowkit-inlined",
    enforce: "post",
    generateBundle(_, bundle) {
      const page = bundle["report.html"];
      if (page?.type !== "asset") throw new Error("report.html was not built");
      let scripts = "";
      let styles = "";
      for (const [name, file] of Object.entries(bundle)) {
        if (name === "report.html") continue;
        if (file.type === "chunk") scripts += file.code.replaceAll("</script", "<\\/script");
        else if (name.endsWith(".css")) styles += file.source;
        else throw new Error(`${name} would be outside of the report`);
        delete bundle[name];
      }
      const policy = [
        "default-src 'none'",
        `script-src ${digest(scripts)}`,
        `style-src ${digest(styles)}`,
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
      ].join("; ");
      const head = `<meta http-equiv="Content-Security-Policy" content="${policy}"><style>${styles}</style></head>`;
      page.source = String(page.source)
        .replaceAll(/<script type="module"[^>]*><\/script>|<link rel="stylesheet"[^>]*>/g, "")
        .replace("</head>", () => head)
        .replace("</body>", () => `<script type="module">${scripts}</script></body>`);
    },
  };
}

const digest = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
