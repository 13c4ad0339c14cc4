import type { Terminal } from "../terminal/terminal.ts";
import type { InvalidGraphFile } from "./invalid-graph-file.ts";

/** One line per finding, in the `file:line:column` form that editors link to. */
export function findingLines(terminal: Terminal, { file, findings }: InvalidGraphFile): readonly string[] {
  return findings.map(({ code, path, message, hint, line, column }) => {
    const suggestion = hint === undefined ? "" : ` (did you mean '${hint}'?)`;
    const place = terminal.styled("cyan", `${file}:${line}:${column}`);
    return `${place} ${code} at ${path === "" ? "the graph" : path}: ${message}${suggestion}`;
  });
}

/** "1 batch", "1,200 batches". */
export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** "0.12 s", "3:05", "2:00:07". */
export function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.floor(ms / 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const tail = two(seconds % 60);
  return minutes < 60 ? `${minutes}:${tail}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${tail}`;
}
