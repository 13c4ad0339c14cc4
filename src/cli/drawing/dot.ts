import { coordinatorFnType, type Graph } from "../../graph/index.ts";

/** The graph for Graphviz. */
export function toDot({ name, nodes }: Graph): string {
  const lines = [`digraph ${quoted(name ?? "graph")} {`, '  node [shape=box fontname="monospace"]'];
  for (const { node_id: id, type, depends_on: parents, io } of nodes) {
    const isFn = type === coordinatorFnType;
    const label = `label=${quoted(`${id}\n${isFn ? (io?.fn ?? "") : type}`)}`;
    const shape = isFn ? " shape=hexagon" : parents.length === 0 ? " style=rounded" : "";
    lines.push(`  ${quoted(id)} [${label}${shape}]`);
  }
  for (const { node_id: id, depends_on: parents, fan_in: fanIn, io } of nodes) {
    const style = [
      ...(io?.start_when === "first_batch" ? ["style=dashed"] : []),
      ...(fanIn === undefined || fanIn === "all" ? [] : [`label=${quoted(fanIn)}`]),
    ];
    const attributes = style.length === 0 ? "" : ` [${style.join(" ")}]`;
    for (const parent of parents) lines.push(`  ${quoted(parent)} -> ${quoted(id)}${attributes}`);
  }
  return `${lines.join("\n")}\n}\n`;
}

const quoted = (text: string): string =>
  `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
