import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The first line of a stack that is the user's own code, as editors and terminals link to it. */
export function ownFrame(stack: string | undefined): string | undefined {
  const frames = stack?.split("\n").map((line) => line.trim()) ?? [];
  const own = frames.find((line) => /^at .*file:\/\//.test(line) && !isOfPackages(line));
  return own?.replace(/file:\/\/[^\s)]+?(?=:\d+)/, (url) => relative("", fileURLToPath(url)));
}

const packageFolder = new URL(".", import.meta.url).href;
const isOfPackages = (frame: string): boolean => frame.includes("/node_modules/") || frame.includes(packageFolder);
