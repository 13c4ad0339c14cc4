import { type Graph, type GraphNode, runs } from "../../graph/index.ts";
import { escaped, toSvg } from "./svg.ts";

const style = `
  body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: #1f2328; background: #fff; }
  .drawing { overflow: auto; margin-bottom: 2rem; }
  .drawing a { text-decoration: none; }
  table { border-collapse: collapse; }
  th, td { text-align: left; vertical-align: top; padding: 0.25rem 1rem 0.25rem 0; border-bottom: 1px solid #d0d7de; }
  tr:target { background: #fff8c5; }
  code, pre { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; margin: 0; white-space: pre-wrap; }
  @media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117; } th, td { border-color: #30363d; } tr:target { background: #3a3213; } }
`;

/** Renders a graph as a self-contained page with a drawing and a table of the nodes. */
export function toHtml(graph: Graph): string {
  const title = escaped(graph.name ?? "graph");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${style}</style>
<h1>${title}</h1>
<div class="drawing">
${toSvg(graph, { linked: true })}</div>
<table>
<tr><th>node</th><th>handler</th><th>depends on</th><th>settings</th></tr>
${graph.nodes.map(row).join("\n")}
</table>
</html>
`;
}

function row(node: GraphNode): string {
  const { node_id: id, type: _, depends_on: parents, io = {}, ...rest } = node;
  const { fn: __, ...input } = io;
  const settings = { ...rest, ...(Object.keys(input).length === 0 ? {} : { io: input }) };
  const text = Object.keys(settings).length === 0 ? "" : JSON.stringify(settings, null, 2);
  const code = runs(node);
  const cells = [`<code>${escaped(id)}</code>`, `<code>${escaped(code)}</code>`, parents.map(escaped).join(", ")];
  return `<tr id="node-${escaped(id)}">${cells.map((cell) => `<td>${cell}</td>`).join("")}<td><pre>${escaped(text)}</pre></td></tr>`;
}
