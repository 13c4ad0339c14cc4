import { coordinatorFnType, flowType, type Graph, runs } from "../../graph/index.ts";
import { awaitsSignal, edgeLabel, nodeNotes, readsFailuresOf } from "../../graph/mermaid.ts";
import { type Box, type Line, labelOf, layOut } from "./layout.ts";

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
  .flowkit .ended { stroke-width: 3; }
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
 * Renders a graph as a self-contained SVG: parents at the top, sources rounded, coordinator functions as hexagons, nodes that
 * wait for a signal as parallelograms, dashed edges where a node starts with the first batch, thick ones where it starts
 * when its parents have ended, red ones where it reads failed batches.
 */
export function toSvg(graph: Graph): string {
  const { width, height, boxes, lines } = layOut(graph);
  const title = graph.name === undefined ? [] : [`<title>${escaped(graph.name)}</title>`];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="flowkit" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    ...title,
    `<style>${style}</style>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
    ...lines.map(edge),
    ...boxes.map(drawnNode),
    "</svg>",
    "",
  ].join("\n");
}

const edgeKinds = { ready: "", first_batch: " stream", ended: " ended" } as const;

function edge({ from, to, points }: Line): string {
  const isFailed = readsFailuresOf(to, from);
  const kind = `edge${edgeKinds[to.io?.start_when ?? "ready"]}${isFailed ? " failed" : ""}`;
  const path = points.map(([x, y], index) => {
    const [fromX, fromY] = points[index - 1] ?? [];
    if (fromX === undefined || fromY === undefined) return `M${x} ${y}`;
    if (fromX === x) return `V${y}`;
    const middle = (fromY + y) / 2;
    return `C${fromX} ${middle} ${x} ${middle} ${x} ${y}`;
  });
  return `<path class="${kind}" d="${path.join(" ")}" marker-end="url(#tip)"/>`;
}

function drawnNode({ node, lines, x, y, width, height }: Box): string {
  const { type, depends_on: parents } = node;
  const [left, top] = [x - width / 2, y - height / 2];
  const isFn = type === coordinatorFnType;
  const kind = isFn ? "fn" : parents.length === 0 ? "source" : "step";
  const [right, bottom, cut] = [left + width, top + height, 12];
  const slanted = `M${left + cut} ${top} ${right} ${top} ${right - cut} ${bottom} ${left} ${bottom}z`;
  const shape = awaitsSignal(node)
    ? `<path class="box" d="${slanted}"/>`
    : isFn
      ? `<path class="box" d="M${left} ${y} ${left + cut} ${top} ${right - cut} ${top} ${right} ${y} ${right - cut} ${bottom} ${left + cut} ${bottom}z"/>`
      : `<rect class="box" x="${left}" y="${top}" width="${width}" height="${height}" rx="${kind === "source" ? height / 2 : 4}"/>`;
  const [name = "", runs] = lines.map(escaped);
  const text =
    runs === undefined
      ? `<text x="${x}" y="${y + 4}">${name}</text>`
      : `<text x="${x}" y="${y - 4}">${name}</text><text class="type" x="${x}" y="${y + 14}">${runs}</text>`;
  const note = labelOf(node);
  // Above the corner, because edges end at the middle.
  const label = note === undefined ? "" : `<text class="label" x="${right}" y="${top - 6}">${escaped(note)}</text>`;
  return `<g class="${kind}">${shape}${text}${label}</g>`;
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);

const dotStyles = { ready: [], first_batch: ["style=dashed"], ended: ["style=bold"] } as const;

/** Renders a graph in the DOT language of Graphviz. */
export function toDot({ name, nodes }: Graph): string {
  const lines = [`digraph ${quoted(name ?? "graph")} {`, '  node [shape=box fontname="monospace"]'];
  for (const node of nodes) {
    const { node_id: id, type, depends_on: parents } = node;
    const label = `label=${quoted([id, runs(node), ...nodeNotes(node)].join("\n"))}`;
    const fnShape = awaitsSignal(node) ? " shape=parallelogram" : " shape=hexagon";
    const own = type === coordinatorFnType ? fnShape : type === flowType ? " peripheries=2" : undefined;
    const shape = own ?? (parents.length === 0 ? " style=rounded" : "");
    lines.push(`  ${quoted(id)} [${label}${shape}]`);
  }
  for (const node of nodes) {
    for (const parent of node.depends_on) {
      const label = edgeLabel(node, parent);
      const style = [
        ...dotStyles[node.io?.start_when ?? "ready"],
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
