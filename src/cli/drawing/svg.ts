import { coordinatorFnType, flowType, type Graph, runs } from "../../graph/index.ts";
import { edgeLabel, readsFailuresOf } from "../../graph/mermaid.ts";
import { type Box, fanInLabel, type Line, layOut } from "./layout.ts";

export interface SvgOptions {
  /** Nodes link to `#node-<id>`. */
  readonly linked?: boolean;
}

/** Literal colours, because not every viewer supports CSS variables. */
const style = `
  .flowkit { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
  .flowkit .box { stroke: #1f2328; fill: #ddf4ff; }
  .flowkit .source .box { fill: #dafbe1; }
  .flowkit .fn .box { fill: #fff8c5; }
  .flowkit text { fill: #1f2328; text-anchor: middle; }
  .flowkit .type, .flowkit .label { fill: #656d76; }
  .flowkit .label { text-anchor: end; }
  .flowkit .edge { stroke: #656d76; fill: none; }
  .flowkit .stream { stroke-dasharray: 4 4; }
  .flowkit .failed { stroke: #cf222e; }
  .flowkit .tip { fill: #656d76; }
  @media (prefers-color-scheme: dark) {
    .flowkit .box { stroke: #e6edf3; fill: #0c2d4d; }
    .flowkit .source .box { fill: #12361f; }
    .flowkit .fn .box { fill: #3a3213; }
    .flowkit text { fill: #e6edf3; }
    .flowkit .type, .flowkit .label { fill: #8b949e; }
    .flowkit .edge { stroke: #8b949e; }
    .flowkit .failed { stroke: #f85149; }
    .flowkit .tip { fill: #8b949e; }
  }
`;

/**
 * Renders a graph as a self-contained SVG: parents at the top, sources rounded, coordinator functions as hexagons, dashed
 * edges where a node starts with the first batch, red ones where it reads failed batches.
 */
export function toSvg(graph: Graph, options: SvgOptions = {}): string {
  const { width, height, boxes, lines } = layOut(graph);
  // Screen readers skip links inside an element with the role of an image.
  const role = options.linked ? "" : ' role="img"';
  const title = graph.name === undefined ? [] : [`<title>${escaped(graph.name)}</title>`];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="flowkit" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"${role}>`,
    ...title,
    `<style>${style}</style>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
    ...lines.map(edge),
    ...boxes.map((box) => drawnNode(box, options.linked ?? false)),
    "</svg>",
    "",
  ].join("\n");
}

function edge({ from, to, points }: Line): string {
  const isFailed = readsFailuresOf(to, from);
  const kind = `edge${to.io?.start_when === "first_batch" ? " stream" : ""}${isFailed ? " failed" : ""}`;
  const path = points.map(([x, y], index) => {
    const [fromX, fromY] = points[index - 1] ?? [];
    if (fromX === undefined || fromY === undefined) return `M${x} ${y}`;
    if (fromX === x) return `V${y}`;
    const middle = (fromY + y) / 2;
    return `C${fromX} ${middle} ${x} ${middle} ${x} ${y}`;
  });
  return `<path class="${kind}" d="${path.join(" ")}" marker-end="url(#tip)"/>`;
}

function drawnNode({ node, lines, x, y, width, height }: Box, linked: boolean): string {
  const { node_id: id, type, depends_on: parents } = node;
  const [left, top] = [x - width / 2, y - height / 2];
  const isFn = type === coordinatorFnType;
  const kind = isFn ? "fn" : parents.length === 0 ? "source" : "step";
  const [right, bottom, cut] = [left + width, top + height, 12];
  const shape = isFn
    ? `<path class="box" d="M${left} ${y} ${left + cut} ${top} ${right - cut} ${top} ${right} ${y} ${right - cut} ${bottom} ${left + cut} ${bottom}z"/>`
    : `<rect class="box" x="${left}" y="${top}" width="${width}" height="${height}" rx="${kind === "source" ? height / 2 : 4}"/>`;
  const [name = "", runs] = lines.map(escaped);
  const text =
    runs === undefined
      ? `<text x="${x}" y="${y + 4}">${name}</text>`
      : `<text x="${x}" y="${y - 4}">${name}</text><text class="type" x="${x}" y="${y + 14}">${runs}</text>`;
  const fanIn = fanInLabel(node);
  // Above the corner, because edges end at the middle.
  const label = fanIn === undefined ? "" : `<text class="label" x="${right}" y="${top - 6}">${fanIn}</text>`;
  const drawing = `<g class="${kind}">${shape}${text}${label}</g>`;
  return linked ? `<a href="#node-${escaped(id)}">${drawing}</a>` : drawing;
}

export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);

/** Renders a graph in the DOT language of Graphviz. */
export function toDot({ name, nodes }: Graph): string {
  const lines = [`digraph ${quoted(name ?? "graph")} {`, '  node [shape=box fontname="monospace"]'];
  for (const { node_id: id, type, depends_on: parents, io } of nodes) {
    const label = `label=${quoted(`${id}\n${runs({ type, ...(io && { io }) })}`)}`;
    const own = type === coordinatorFnType ? " shape=hexagon" : type === flowType ? " peripheries=2" : undefined;
    const shape = own ?? (parents.length === 0 ? " style=rounded" : "");
    lines.push(`  ${quoted(id)} [${label}${shape}]`);
  }
  for (const node of nodes) {
    for (const parent of node.depends_on) {
      const label = edgeLabel(node, parent);
      const style = [
        ...(node.io?.start_when === "first_batch" ? ["style=dashed"] : []),
        ...(label === undefined ? [] : [`label=${quoted(label)}`]),
      ];
      const attributes = style.length === 0 ? "" : ` [${style.join(" ")}]`;
      lines.push(`  ${quoted(parent)} -> ${quoted(node.node_id)}${attributes}`);
    }
  }
  return `${lines.join("\n")}\n}\n`;
}

const quoted = (text: string): string =>
  `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
